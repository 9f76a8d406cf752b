{%- set settings = log_loss.configuration() -%}
{%- set scope = log_loss.scope_columns() | join(',\n        ') -%}
{%- set scope_of = log_loss.scope_columns -%}
{%- set null_double = 'cast(null as ' ~ log_loss.type_double() ~ ')' -%}
{%- set sums = ['labeled_count', 'loss_sum', 'loss_squared_sum'] -%}
{%- set mature_date = log_loss.add_days(
    'known_sums.metric_date', settings.mature_days
) -%}
{#-
    Each rule: the CTE that measures it, its value, the rows that the value rests on, and
    how it is judged: as it is, by the interval of an estimate (one that the CTE has, or
    that of a mean loss), or by a test against the baseline, on a scale of logarithms or
    of shares, from which the least rise that it could find is given.
-#}
{%- set measures = [
    {'rule': "'mean_log_loss'", 'from': 'losses', 'where': "cohort_name = 'all'",
     'value': 'mean_log_loss', 'sample': 'labeled_count', 'is_estimate': true},
    {'rule': "'cohort_log_loss'", 'from': 'losses', 'where': "cohort_name <> 'all'",
     'value': 'mean_log_loss', 'sample': 'labeled_count', 'is_estimate': true},
    {'rule': "'class_log_loss'", 'from': 'class_losses',
     'value': 'mean_log_loss', 'sample': 'labeled_count', 'is_estimate': true},
    {'rule': "'class_log_loss_ratio'", 'from': 'class_ratios',
     'value': 'mean_log_loss', 'sample': 'labeled_count', 'is_estimate': true},
    {'rule': "'weighted_log_loss'", 'from': 'weighted_losses',
     'value': 'weighted_log_loss', 'sample': 'weighted_count', 'has_interval': true},
    {'rule': 'rule', 'from': 'increases', 'value': 'relative_increase',
     'sample': 'labeled_count', 'is_tested': true, 'scale': 'log'},
    {'rule': 'rule', 'from': 'burn_speeds',
     'value': 'burn_rate', 'sample': 'labeled_count', 'is_tested': true},
    {'rule': "'label_coverage_drop'", 'from': 'coverage_drops', 'value': 'coverage_drop',
     'sample': 'prediction_count', 'is_tested': true, 'scale': 'share'},
    {'rule': "'log_loss_trend'", 'from': 'trends',
     'value': 'relative_rise', 'sample': 'labeled_count', 'is_tested': true},
    {'rule': "'canary_difference'", 'from': 'canaries',
     'value': 'difference', 'sample': 'labeled_count', 'finding': 'canary_finding'},
    {'rule': "'clipped_loss_share'", 'from': 'losses', 'where': "cohort_name = 'all'",
     'value': 'clipped_loss_share', 'sample': 'labeled_count'},
    {'rule': "'correction_rate'", 'from': 'correction_rates',
     'value': 'correction_rate', 'sample': 'labeled_count'},
    {'rule': "'label_coverage'", 'from': 'coverages',
     'value': 'label_coverage', 'sample': 'prediction_count'},
    {'rule': 'rule', 'from': 'rejected_shares',
     'value': 'rejected_share', 'sample': 'row_count'},
    {'rule': "'duplicate_share'", 'from': 'rejected_shares',
     'where': "rule = 'rejected_share'", 'value': 'duplicate_share', 'sample': 'row_count'},
    {'rule': "'non_finite_count'", 'from': 'broken_sums',
     'value': 'non_finite_count', 'sample': 'prediction_count'},
    {'rule': 'rule', 'from': 'immature_versions',
     'value': null_double, 'sample': 'labeled_count', 'is_immature': true},
] %}

with

evaluation_dates as (

    select * from {{ ref('int_log_loss__evaluation_dates') }}

),

judged as (

    select
        *,
        row_count as labeled_count,
        value_sum as loss_sum,
        value_squared_sum as loss_squared_sum
    from {{ ref('int_log_loss__evaluation_windows') }}
    where
        measure = 'log_loss'
        and window_name = 'judged'

),

known_sums as (

    select * from {{ ref('int_log_loss__known_sums') }}

),

-- labels ------------------------------------------------------------------------

ranked_classes as (

    select
        *,
        {{ log_loss.class_count() | indent(8) }} as class_count,
        row_number() over (
            partition by evaluation_date, {{ log_loss.scope_columns() | join(', ') }}
            order by labeled_count desc, label asc
        ) as class_rank
    from judged
    where label <> 'all'

),

class_sums as (

    select
        evaluation_date,
        {{ scope }},
        {% for sum in sums -%}
        sum(case when class_rank = 1 then {{ sum }} end) as commonest_{{ sum }},
        {% endfor -%}
        {{ log_loss.rarest_label_count() | indent(8) }} as rarest_label_count
    from ranked_classes
    group by
        evaluation_date,
        {{ scope }}

),

all_losses as (

    select
        judged.evaluation_date,
        {{ scope_of('judged') | join(',\n        ') }},
        judged.label,
        judged.start_date as window_start_date,
        judged.end_date as window_end_date,
        judged.prediction_count,
        judged.labeled_count,
        {{ log_loss.safe_divide('judged.loss_sum', 'judged.labeled_count') }}
            as mean_log_loss,
        {{ log_loss.sample_stddev(
            'judged.loss_sum', 'judged.loss_squared_sum', 'judged.labeled_count'
        ) | indent(8) }} as log_loss_stddev,
        class_sums.rarest_label_count,
        class_sums.commonest_labeled_count,
        {{ log_loss.safe_divide(
            'class_sums.commonest_loss_sum', 'class_sums.commonest_labeled_count'
        ) }} as commonest_mean_log_loss,
        {{ log_loss.sample_stddev(
            'class_sums.commonest_loss_sum', 'class_sums.commonest_loss_squared_sum',
            'class_sums.commonest_labeled_count'
        ) | indent(8) }} as commonest_log_loss_stddev,
        -- a clipped row is one whose label had epsilon, and no more, of the probability
        {{ log_loss.safe_divide(
            'judged.clipped_count * (-ln(' ~ log_loss.double(settings.epsilon) ~ '))',
            'judged.loss_sum'
        ) }} as clipped_loss_share
    from judged
    left join class_sums
        on
            judged.evaluation_date = class_sums.evaluation_date
            and {{ log_loss.same_scope('judged', 'class_sums') }}

),

losses as (

    select
        *,
        {{ log_loss.safe_divide('labeled_count', 'prediction_count') }}
            as label_coverage
    from all_losses
    where label = 'all'

),

class_losses as (

    select
        all_losses.evaluation_date,
        {{ scope_of('all_losses') | join(',\n        ') }},
        all_losses.label,
        all_losses.window_start_date,
        all_losses.window_end_date,
        all_losses.labeled_count,
        losses.label_coverage,
        all_losses.mean_log_loss,
        all_losses.log_loss_stddev,
        -- one class has no rarer one
        cast(null as {{ dbt.type_bigint() }}) as rarest_label_count,
        cast(null as {{ dbt.type_bigint() }}) as commonest_labeled_count,
        {{ null_double }} as commonest_mean_log_loss,
        {{ null_double }} as commonest_log_loss_stddev
    from all_losses
    inner join losses
        on
            all_losses.evaluation_date = losses.evaluation_date
            and {{ log_loss.same_scope('all_losses', 'losses') }}
    where
        all_losses.label <> 'all'
        and all_losses.cohort_name = 'all'

),

-- class parity: the interval is that of the class, the whole being far larger
class_ratios as (

    select
        class_losses.evaluation_date,
        {{ scope_of('class_losses') | join(',\n        ') }},
        class_losses.label,
        class_losses.window_start_date,
        class_losses.window_end_date,
        class_losses.labeled_count,
        class_losses.label_coverage,
        {% for column in [
            'mean_log_loss', 'log_loss_stddev'
        ] -%}
        {{ log_loss.safe_divide(
            'class_losses.' ~ column, 'losses.mean_log_loss'
        ) }} as {{ column }},
        {% endfor -%}
        class_losses.rarest_label_count,
        class_losses.commonest_labeled_count,
        class_losses.commonest_mean_log_loss,
        class_losses.commonest_log_loss_stddev
    from class_losses
    inner join losses
        on
            class_losses.evaluation_date = losses.evaluation_date
            and {{ log_loss.same_scope('class_losses', 'losses') }}

),

-- A ratio of sums over days. Squares of weighted losses are not kept, and so few heavy
-- rows can carry it that the days tell more than the rows would.
weighted_ratios as (

    select
        *,
        {{ log_loss.safe_divide('weighted_loss_sum', 'weight_sum') }}
            as weighted_log_loss,
        sqrt(
            weighted_deviation_squared_sum
            * {{ log_loss.safe_divide('day_count', 'day_count - 1') }}
        ) / nullif(weighted_loss_sum, 0) as relative_error
    from judged
    where
        cohort_name = 'all'
        and label = 'all'
        and weighted_count > 0

),

weighted_losses as (

    select
        weighted_ratios.evaluation_date,
        {{ scope_of('weighted_ratios') | join(',\n        ') }},
        weighted_ratios.label,
        weighted_ratios.start_date as window_start_date,
        weighted_ratios.end_date as window_end_date,
        weighted_ratios.labeled_count,
        weighted_ratios.weighted_count,
        losses.label_coverage,
        weighted_ratios.weighted_log_loss,
        {% for side, sign in [('lower', '-'), ('upper', '')] -%}
        case
            when
                weighted_ratios.day_count >= 5
                and weighted_ratios.weighted_count >= 30
                and coalesce(losses.rarest_label_count, 10) >= 10
            then weighted_ratios.weighted_log_loss * exp(
                {{ sign }}weighted_ratios.relative_error
                * {{ log_loss.student_t_quantile(
                    1.959963984540054, 'weighted_ratios.day_count - 1'
                ) | indent(16) }}
            )
        end as ci_{{ side }}{{ ',' if not loop.last }}
        {% endfor %}
    from weighted_ratios
    inner join losses
        on
            weighted_ratios.evaluation_date = losses.evaluation_date
            and {{ log_loss.same_scope('weighted_ratios', 'losses') }}

),

-- against the baseline --------------------------------------------------------------

comparisons as (

    select * from {{ ref('int_log_loss__baseline_comparisons') }}
    where
        measure = 'log_loss'
        and window_name = 'judged'

),

increases as (

    select
        case
            when all_losses.label <> 'all' then 'class_log_loss_increase'
            when all_losses.cohort_name <> 'all' then 'cohort_log_loss_increase'
            else 'mean_log_loss_increase'
        end as rule,
        all_losses.evaluation_date,
        {{ scope_of('all_losses') | join(',\n        ') }},
        all_losses.label,
        all_losses.window_start_date,
        all_losses.window_end_date,
        all_losses.labeled_count,
        losses.label_coverage,
        comparisons.relative_increase,
        comparisons.increase,
        comparisons.baseline_mean as baseline_value,
        comparisons.baseline_source,
        comparisons.standard_error,
        comparisons.degrees_of_freedom,
        comparisons.z_rows,
        comparisons.z_days,
        case
            when
                comparisons.row_count >= 30
                and coalesce(losses.rarest_label_count, 10) >= 10
            then comparisons.p_value
        end as p_value
    from all_losses
    inner join losses
        on
            all_losses.evaluation_date = losses.evaluation_date
            and {{ log_loss.same_scope('all_losses', 'losses') }}
    -- without a baseline there is nothing to say, and the status says that
    left join comparisons
        on
            all_losses.evaluation_date = comparisons.evaluation_date
            and {{ log_loss.same_scope('all_losses', 'comparisons') }}
            and all_losses.label = comparisons.label
    where all_losses.label = 'all' or all_losses.cohort_name = 'all'

),

coverage_drops as (

    select
        evaluation_date,
        {{ scope }},
        label,
        window_start_date,
        window_end_date,
        prediction_count,
        cast(round(prediction_count * (1 - mean_value)) as {{ dbt.type_bigint() }})
            as labeled_count,
        1 - mean_value as label_coverage,
        increase as coverage_drop,
        -- a share, that no least number of nats applies to
        {{ null_double }} as increase,
        1 - baseline_mean as baseline_value,
        baseline_source,
        standard_error,
        degrees_of_freedom,
        z_rows,
        z_days,
        case when row_count >= 30 then p_value end as p_value
    from {{ ref('int_log_loss__baseline_comparisons') }}
    where
        measure = 'unlabeled_share'
        and window_name = 'judged'

),

-- fast enough in the long window, and still in the short one
burn_rates as (

    select * from {{ ref('int_log_loss__burn_rates') }}

),

burn_speeds as (

    {% for rule, windows in [
        ('fast_burn_rate', settings.error_budget.page),
        ('slow_burn_rate', settings.error_budget.ticket),
    ] -%}
    select
        '{{ rule }}' as rule,
        long_rates.evaluation_date,
        {{ scope_of('long_rates') | join(',\n        ') }},
        'all' as label,
        long_rates.window_start_date,
        long_rates.window_end_date,
        long_rates.labeled_count,
        losses.label_coverage,
        case
            when short_rates.burn_rate < long_rates.burn_rate then short_rates.burn_rate
            else long_rates.burn_rate
        end as burn_rate,
        long_rates.increase,
        long_rates.baseline_mean_log_loss as baseline_value,
        long_rates.baseline_source,
        case
            when
                long_rates.labeled_count >= 30
                and coalesce(losses.rarest_label_count, 10) >= 10
            then long_rates.p_value
        end as p_value
    from burn_rates as long_rates
    inner join burn_rates as short_rates
        on
            long_rates.evaluation_date = short_rates.evaluation_date
            and {{ log_loss.same_scope('long_rates', 'short_rates') }}
    inner join losses
        on
            long_rates.evaluation_date = losses.evaluation_date
            and {{ log_loss.same_scope('long_rates', 'losses') }}
    where
        long_rates.window_days = {{ windows.long_days }}
        and short_rates.window_days = {{ windows.short_days }}
    {%- if not loop.last %}

    union all

    {% endif %}
    {%- endfor %}

),

trends as (

    select
        trends.evaluation_date,
        {{ scope_of('trends') | join(',\n        ') }},
        'all' as label,
        trends.window_start_date,
        trends.window_end_date,
        trends.labeled_count,
        losses.label_coverage,
        {{ log_loss.safe_divide(
            'trends.rise', 'trends.mean_log_loss'
        ) }} as relative_rise,
        trends.rise as increase,
        {{ null_double }} as baseline_value,
        cast(null as {{ dbt.type_string() }}) as baseline_source,
        case
            when
                trends.labeled_count >= 30
                and coalesce(losses.rarest_label_count, 10) >= 10
            then trends.p_value
        end as p_value
    from {{ ref('int_log_loss__trends') }} as trends
    inner join losses
        on
            trends.evaluation_date = losses.evaluation_date
            and {{ log_loss.same_scope('trends', 'losses') }}

),

-- one that has left harms nobody any more
canaries_deployed as (

    select
        model_name,
        model_version,
        max(
            coalesce(
                cast(retired_at as date), {{ log_loss.date_literal('9999-12-31') }}
            )
        ) as end_date
    from {{ ref('stg_log_loss__deployments') }}
    where
        role = 'canary'
        and deployed_at is not null
    group by
        model_name,
        model_version

),

-- the last look at each canary; a shadow harms nobody
ranked_looks as (

    select
        evaluation_dates.evaluation_date,
        looks.model_name,
        looks.candidate_version as model_version,
        'all' as cohort_name,
        'all' as cohort_value,
        'all' as label,
        looks.metric_date as window_start_date,
        looks.metric_date as window_end_date,
        looks.candidate_labeled_count as labeled_count,
        {{ null_double }} as label_coverage,
        looks.difference,
        case looks.decision when 'rollback' then 'error' else 'ok' end
            as canary_finding,
        row_number() over (
            partition by
                evaluation_dates.evaluation_date,
                looks.model_name,
                looks.candidate_version
            order by
                looks.metric_date desc,
                case looks.decision when 'rollback' then 0 else 1 end asc,
                looks.baseline_version asc
        ) as look_rank
    from {{ ref('int_log_loss__version_looks') }} as looks
    inner join canaries_deployed
        on
            looks.model_name = canaries_deployed.model_name
            and looks.candidate_version = canaries_deployed.model_version
    inner join evaluation_dates
        on
            looks.as_of_date <= evaluation_dates.evaluation_date
            and canaries_deployed.end_date > evaluation_dates.evaluation_date
            and looks.metric_date > {{ log_loss.add_days(
                'evaluation_dates.evaluation_date',
                -settings.mature_days - settings.evaluation_days
            ) }}
    where looks.role = 'canary'

),

canaries as (

    select * from ranked_looks
    where look_rank = 1

),

corrected_days as (

    select
        evaluation_dates.evaluation_date,
        corrections.metric_date,
        corrections.model_name,
        corrections.model_version,
        max(case when corrections.is_correction then 1 else 0 end) as is_corrected
    from {{ ref('int_log_loss__corrections') }} as corrections
    inner join evaluation_dates
        on
            corrections.as_of_date <= evaluation_dates.evaluation_date
            and corrections.published_date_of_day <= evaluation_dates.evaluation_date
    group by
        evaluation_dates.evaluation_date,
        corrections.metric_date,
        corrections.model_name,
        corrections.model_version

),

correction_rates as (

    select
        losses.evaluation_date,
        {{ scope_of('losses') | join(',\n        ') }},
        'all' as label,
        losses.window_start_date,
        losses.window_end_date,
        losses.labeled_count,
        losses.label_coverage,
        {{ log_loss.safe_divide('sum(corrected_days.is_corrected)', 'count(*)') }}
            as correction_rate
    from losses
    inner join corrected_days
        on
            losses.evaluation_date = corrected_days.evaluation_date
            and losses.model_name = corrected_days.model_name
            and losses.model_version = corrected_days.model_version
            and losses.window_start_date <= corrected_days.metric_date
            and losses.window_end_date >= corrected_days.metric_date
    where losses.cohort_name = 'all'
    group by
        losses.evaluation_date,
        {{ scope_of('losses') | join(',\n        ') }},
        losses.window_start_date,
        losses.window_end_date,
        losses.labeled_count,
        losses.label_coverage

),

-- labels by an age: choosing days by their coverage would hide it -------------------

aged_days as (

    select
        evaluation_dates.evaluation_date,
        known_sums.metric_date,
        {{ scope_of('known_sums') | join(',\n        ') }},
        case
            when known_sums.known_until > evaluation_dates.evaluation_date
            then known_sums.prediction_count
            else 0
        end as prediction_count,
        case
            when known_sums.known_from <= {{ mature_date }}
                and known_sums.known_until > {{ mature_date }}
            then known_sums.labeled_count
            else 0
        end as labeled_count
    from known_sums
    inner join evaluation_dates
        on
            known_sums.metric_date <= {{ log_loss.add_days(
                'evaluation_dates.evaluation_date', -settings.mature_days
            ) }}
            and known_sums.metric_date > {{ log_loss.add_days(
                'evaluation_dates.evaluation_date',
                -settings.mature_days - settings.evaluation_days
            ) }}
            and known_sums.known_from <= evaluation_dates.evaluation_date
    where known_sums.label = 'all'

),

coverages as (

    select
        aged_days.evaluation_date,
        {{ scope_of('aged_days') | join(',\n        ') }},
        'all' as label,
        min(aged_days.metric_date) as window_start_date,
        max(aged_days.metric_date) as window_end_date,
        sum(aged_days.prediction_count) as prediction_count,
        sum(aged_days.labeled_count) as labeled_count,
        {{ log_loss.safe_divide(
            'sum(aged_days.labeled_count)', 'sum(aged_days.prediction_count)'
        ) }} as label_coverage
    from aged_days
    group by
        aged_days.evaluation_date,
        {{ scope_of('aged_days') | join(',\n        ') }}
    having sum(aged_days.prediction_count) > 0

),

-- inputs, by load date ------------------------------------------------------------

input_entries as (

    {{ log_loss.rollup_rows(['overall', 'label_event']) }}

),

loaded_entries as (

    select
        recorded_date,
        model_name,
        model_version,
        case
            when grain = 'overall' then 'rejected_share'
            else 'rejected_label_share'
        end as rule,
        -- a label event changes its state later, and keeps its load date
        case
            when grain = 'overall' then recorded_date
            else metric_date
        end as loaded_on,
        sum(entry_count) as row_count,
        -- a row sent twice harms nobody and does not count as rejected
        sum(
            case
                when
                    entry_type = 'rejection'
                    and reason not in ('duplicate_label', 'duplicate_prediction')
                then entry_count
                else 0
            end
        ) as rejected_count,
        sum(
            case when reason = 'duplicate_prediction' then entry_count else 0 end
        ) as duplicate_count
    from input_entries
    where grain = 'label_event' or entry_type in ('prediction', 'rejection')
    group by
        case
            when grain = 'overall' then 'rejected_share'
            else 'rejected_label_share'
        end,
        case when grain = 'overall' then recorded_date else metric_date end,
        recorded_date,
        model_name,
        model_version

),

known_entries as (

    select
        loaded_entries.*,
        evaluation_dates.evaluation_date,
        {{ log_loss.add_days(
            'evaluation_dates.evaluation_date', 1 - settings.evaluation_days
        ) }} as window_start_date
    from loaded_entries
    inner join evaluation_dates
        on loaded_entries.recorded_date <= evaluation_dates.evaluation_date

),

-- A row that no clock can date may have come today, so it always counts, unless its
-- scope has gone quiet.
loaded_rows as (

    select
        evaluation_date,
        window_start_date,
        rule,
        model_name,
        model_version,
        {% for name in ['row_count', 'rejected_count', 'duplicate_count'] -%}
        sum(
            case
                when
                    loaded_on = {{ log_loss.undated() }}
                    or loaded_on >= window_start_date
                then {{ name }}
                else 0
            end
        ) as {{ name }},
        {% endfor -%}
        max(loaded_on) as last_loaded_on
    from known_entries
    group by
        evaluation_date,
        window_start_date,
        rule,
        model_name,
        model_version

),

-- rows that name no version are a share of the model's rows, rows that name no
-- model are a share of all
rejected_shares as (

    select
        evaluation_date,
        rule,
        model_name,
        model_version,
        'all' as cohort_name,
        'all' as cohort_value,
        'all' as label,
        window_start_date,
        evaluation_date as window_end_date,
        row_count,
        cast(null as {{ dbt.type_bigint() }}) as labeled_count,
        {{ null_double }} as label_coverage,
        {% for name in ['rejected', 'duplicate'] -%}
        {{ log_loss.safe_divide(name ~ '_count', "case
            when model_name = '(unknown)'
            then sum(row_count) over (partition by evaluation_date, rule)
            when model_version = '(unknown)'
            then sum(row_count) over (partition by evaluation_date, rule, model_name)
            else row_count
        end") }} as {{ name }}_share{{ ',' if not loop.last }}
        {% endfor %}
    from loaded_rows
    where
        last_loaded_on >= window_start_date
        or last_loaded_on = {{ log_loss.undated() }}

),

-- a defect of the package, on any day of any scope, looked for today ------------------

broken_sums as (

    select
        as_of_date as evaluation_date,
        model_name,
        model_version,
        'all' as cohort_name,
        'all' as cohort_value,
        'all' as label,
        min(metric_date) as window_start_date,
        max(metric_date) as window_end_date,
        sum(case when cohort_name = 'all' then prediction_count else 0 end)
            as prediction_count,
        sum(case when cohort_name = 'all' then labeled_count else 0 end)
            as labeled_count,
        {{ null_double }} as label_coverage,
        cast(
            sum(
                {% for sum in [
                    'loss_sum', 'loss_squared_sum', 'clipped_loss_sum',
                    'weighted_loss_sum', 'weight_sum', 'brier_sum',
                ] -%}
                case
                    when abs({{ sum }}) <= {{ log_loss.largest_double() }} then 0
                    else 1
                end{{ ' +' if not loop.last }}
                {% endfor -%}
            ) as {{ log_loss.type_double() }}
        ) as non_finite_count
    from {{ ref('int_log_loss__daily_sums') }}
    group by
        as_of_date,
        model_name,
        model_version

),

-- a version that only has days too young to judge --------------------------------

recent_versions as (

    select
        evaluation_dates.evaluation_date,
        {{ scope_of('known_sums') | join(',\n        ') }},
        min(known_sums.metric_date) as window_start_date,
        max(known_sums.metric_date) as window_end_date,
        sum(known_sums.labeled_count) as labeled_count,
        {{ log_loss.safe_divide(
            'sum(known_sums.labeled_count)', 'sum(known_sums.prediction_count)'
        ) }} as label_coverage
    from known_sums
    inner join evaluation_dates
        on
            known_sums.known_from <= evaluation_dates.evaluation_date
            and known_sums.known_until > evaluation_dates.evaluation_date
            and known_sums.metric_date <= evaluation_dates.evaluation_date
            and known_sums.metric_date > {{ log_loss.add_days(
                'evaluation_dates.evaluation_date', -settings.evaluation_days
            ) }}
    where
        known_sums.cohort_name = 'all'
        and known_sums.label = 'all'
    group by
        evaluation_dates.evaluation_date,
        {{ scope_of('known_sums') | join(',\n        ') }}
    having sum(known_sums.prediction_count) > 0

),

rules_of_versions as (

    {% for rule in [
        'mean_log_loss', 'mean_log_loss_increase', 'weighted_log_loss',
        'clipped_loss_share', 'correction_rate',
    ] -%}
    select '{{ rule }}' as rule
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

immature_versions as (

    select
        recent_versions.*,
        rules_of_versions.rule,
        'all' as label
    from recent_versions
    cross join rules_of_versions
    left join losses
        on
            recent_versions.evaluation_date = losses.evaluation_date
            and {{ log_loss.same_scope('recent_versions', 'losses') }}
    where losses.model_name is null

),

-- ---------------------------------------------------------------------------------

measured as (

    {% for measure in measures -%}
    select
        {{ measure.rule }} as rule,
        evaluation_date,
        {{ scope }},
        label,
        window_start_date,
        window_end_date,
        {{ measure.value }} as value,
        {{ measure.sample }} as sample_count,
        labeled_count,
        label_coverage,
        {%- if measure.is_estimate %}
        {%- for side in ['lower', 'upper'] %}
        {{ log_loss.confidence_interval(
            side, 'mean_log_loss', 'log_loss_stddev', 'labeled_count',
            'rarest_label_count'
        ) | indent(8) }} as ci_{{ side }},
        {%- endfor %}
        -- What a rare class adds to a mean is never negative, so the common class alone
        -- bounds it from below.
        commonest_labeled_count * {{ log_loss.confidence_interval(
            'lower', 'commonest_mean_log_loss', 'commonest_log_loss_stddev',
            'commonest_labeled_count'
        ) | indent(8) }} / nullif(labeled_count, 0) as commonest_ci_lower,
        {%- else %}
        {{ 'ci_lower' if measure.has_interval else null_double }} as ci_lower,
        {{ 'ci_upper' if measure.has_interval else null_double }} as ci_upper,
        {{ null_double }} as commonest_ci_lower,
        {%- endif %}
        {%- if measure.is_tested %}
        increase,
        baseline_value,
        baseline_source,
        p_value,
        {%- else %}
        {{ null_double }} as increase,
        {{ null_double }} as baseline_value,
        cast(null as {{ dbt.type_string() }}) as baseline_source,
        {{ null_double }} as p_value,
        {%- endif %}
        {%- if measure.scale %}
        standard_error,
        degrees_of_freedom,
        z_rows,
        z_days,
        {%- else %}
        {{ null_double }} as standard_error,
        {{ null_double }} as degrees_of_freedom,
        {{ null_double }} as z_rows,
        {{ null_double }} as z_days,
        {%- endif %}
        {{ '1 = 1' if measure.scale == 'log' else '1 = 0' }} as is_relative,
        {{ measure.finding or 'cast(null as ' ~ dbt.type_string() ~ ')' }}
            as decided_finding,
        {{ '1 = 1' if measure.is_estimate or measure.has_interval else '1 = 0' }}
            as is_estimate,
        {{ '1 = 1' if measure.is_tested else '1 = 0' }} as is_tested,
        {{ '1 = 1' if measure.is_immature else '1 = 0' }} as is_immature
    from {{ measure.from }}
    {%- if measure.where %}
    where {{ measure.where }}
    {%- endif %}
    {%- if not loop.last %}

    union all

    {% endif %}
    {%- endfor %}

),

-- one of many cohorts is worse by chance
counted as (

    select
        *,
        nullif(
            count(p_value) over (
                partition by rule, evaluation_date, model_name, model_version
            ), 0
        ) as test_count
    from measured

),

required as (

    select
        *,
        {{ log_loss.double(settings.ticket_p_value) }} / test_count as required_p_value
    from counted

),

deviates as (

    select
        *,
        {{ log_loss.normal_quantile('required_p_value') | indent(8) }}
            as required_deviate
    from required

),

detectable as (

    select
        *,
        case
            when p_value is not null
            then standard_error * {{ log_loss.student_t_quantile(
                'required_deviate', 'degrees_of_freedom'
            ) | indent(12) }}
        end as required_level_increase
    from deviates

)

select
    rule,
    evaluation_date,
    {{ log_loss.scope_columns() | join(',\n    ') }},
    label,
    window_start_date,
    window_end_date,
    value,
    cast(sample_count as {{ dbt.type_bigint() }}) as sample_count,
    cast(labeled_count as {{ dbt.type_bigint() }}) as labeled_count,
    label_coverage,
    ci_lower,
    ci_upper,
    case
        when is_estimate then coalesce(ci_lower, commonest_ci_lower)
        else value
    end as judged_value,
    is_estimate and ci_lower is null as is_lower_bound,
    increase,
    baseline_value,
    baseline_source,
    case
        when p_value * test_count < 1 then p_value * test_count
        when p_value is not null then {{ log_loss.double(1) }}
    end as p_value,
    z_rows,
    z_days,
    case
        -- beyond that it means nothing, and engines stop
        when is_relative and required_level_increase < 100
        then exp(required_level_increase) - 1
        when is_relative then null
        else required_level_increase
    end as minimum_detectable,
    decided_finding,
    is_tested,
    is_immature
from detectable
