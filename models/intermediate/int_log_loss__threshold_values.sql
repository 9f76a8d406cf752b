{%- set settings = log_loss.configuration() -%}
{%- set scope = log_loss.scope_columns() | join(',\n        ') -%}
{%- set window = 'min(metric_date) as window_start_date,
        max(metric_date) as window_end_date' -%}
{%- set null_double = 'cast(null as ' ~ log_loss.type_double() ~ ')' -%}
{%- set sums = [
    'labeled_count', 'loss_sum', 'loss_squared_sum', 'clipped_loss_sum',
] -%}
{#-
    Each rule: the CTE that measures it, its value, the rows that the value rests on,
    and whether the value is an estimate, judged by its interval.
-#}
{%- set measures = [
    {'rule': "'mean_log_loss'", 'from': 'losses', 'where': "cohort_name = 'all'",
     'value': 'mean_log_loss', 'sample': 'labeled_count', 'is_estimate': true},
    {'rule': "'cohort_log_loss'", 'from': 'losses', 'where': "cohort_name <> 'all'",
     'value': 'mean_log_loss', 'sample': 'labeled_count', 'is_estimate': true},
    {'rule': "'class_log_loss'", 'from': 'class_losses',
     'value': 'mean_log_loss', 'sample': 'labeled_count', 'is_estimate': true},
    {'rule': "'clipped_loss_share'", 'from': 'losses', 'where': "cohort_name = 'all'",
     'value': 'clipped_loss_share', 'sample': 'labeled_count'},
    {'rule': "'correction_rate'", 'from': 'correction_rates',
     'value': 'correction_rate', 'sample': 'labeled_count'},
    {'rule': "'label_coverage'", 'from': 'coverages',
     'value': 'label_coverage', 'sample': 'prediction_count'},
    {'rule': 'rule', 'from': 'rejected_shares',
     'value': 'rejected_share', 'sample': 'row_count'},
    {'rule': "'non_finite_count'", 'from': 'broken_sums',
     'value': 'non_finite_count', 'sample': 'prediction_count'},
    {'rule': 'rule', 'from': 'immature_versions',
     'value': null_double, 'sample': 'labeled_count', 'is_immature': true},
] %}

with

days as (

    select * from {{ ref('int_log_loss__daily_sums') }}

),

-- labels ------------------------------------------------------------------------

ranked_mature_days as (

    select
        *,
        -- a count and not a row_number: DuckDB 1.5 rewrites a filter on that one into
        -- a top N, and fails on some of them
        count(*) over (
            partition by {{ log_loss.scope_columns() | join(', ') }}
            order by metric_date desc
            rows between unbounded preceding and current row
        ) as day_rank
    from days
    where
        is_mature
        and age_days >= 0
        and age_days < {{ settings.mature_days + settings.evaluation_days }}

),

-- Only recent days: an old breach must not fail today's build, and a version that has
-- gone quiet is not judged at all.
mature_days as (

    select * from ranked_mature_days
    where day_rank <= {{ settings.evaluation_days }}

),

prediction_sums as (

    select
        {{ scope }},
        {{ window }},
        sum(prediction_count) as prediction_count
    from mature_days
    group by {{ scope }}

),

class_sums as (

    select
        {{ log_loss.scope_columns('labels') | join(',\n        ') }},
        labels.label,
        {% for sum in sums -%}
        sum(labels.{{ sum }}) as {{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_log_loss__label_sums') }} as labels
    inner join mature_days
        on
            labels.metric_date = mature_days.metric_date
            and {{ log_loss.same_scope('labels', 'mature_days') }}
    group by
        {{ log_loss.scope_columns('labels') | join(',\n        ') }},
        labels.label

),

ranked_classes as (

    select
        *,
        {{ log_loss.class_count() | indent(8) }} as class_count,
        row_number() over (
            partition by {{ log_loss.scope_columns() | join(', ') }}
            order by labeled_count desc, label asc
        ) as class_rank
    from class_sums

),

loss_sums as (

    select
        {{ scope }},
        {% for sum in sums -%}
        sum({{ sum }}) as {{ sum }},
        sum(case when class_rank = 1 then {{ sum }} end) as commonest_{{ sum }},
        {% endfor -%}
        {{ log_loss.rarest_label_count() | indent(8) }} as rarest_label_count
    from ranked_classes
    group by {{ scope }}

),

losses as (

    select
        {{ log_loss.scope_columns('prediction_sums') | join(',\n        ') }},
        'all' as label,
        prediction_sums.window_start_date,
        prediction_sums.window_end_date,
        coalesce(loss_sums.labeled_count, 0) as labeled_count,
        {{ log_loss.safe_divide(
            'coalesce(loss_sums.labeled_count, 0)', 'prediction_sums.prediction_count'
        ) }} as label_coverage,
        {{ log_loss.safe_divide('loss_sums.loss_sum', 'loss_sums.labeled_count') }}
            as mean_log_loss,
        {{ log_loss.sample_stddev(
            'loss_sums.loss_sum', 'loss_sums.loss_squared_sum',
            'loss_sums.labeled_count'
        ) | indent(8) }} as log_loss_stddev,
        loss_sums.rarest_label_count,
        loss_sums.commonest_labeled_count,
        {{ log_loss.safe_divide(
            'loss_sums.commonest_loss_sum', 'loss_sums.commonest_labeled_count'
        ) }} as commonest_mean_log_loss,
        {{ log_loss.sample_stddev(
            'loss_sums.commonest_loss_sum', 'loss_sums.commonest_loss_squared_sum',
            'loss_sums.commonest_labeled_count'
        ) | indent(8) }} as commonest_log_loss_stddev,
        {{ log_loss.safe_divide('loss_sums.clipped_loss_sum', 'loss_sums.loss_sum') }}
            as clipped_loss_share
    from prediction_sums
    left join loss_sums
        on {{ log_loss.same_scope('prediction_sums', 'loss_sums') }}

),

class_losses as (

    select
        {{ log_loss.scope_columns('class_sums') | join(',\n        ') }},
        class_sums.label,
        losses.window_start_date,
        losses.window_end_date,
        class_sums.labeled_count,
        losses.label_coverage,
        {{ log_loss.safe_divide('class_sums.loss_sum', 'class_sums.labeled_count') }}
            as mean_log_loss,
        {{ log_loss.sample_stddev(
            'class_sums.loss_sum', 'class_sums.loss_squared_sum',
            'class_sums.labeled_count'
        ) | indent(8) }} as log_loss_stddev,
        -- one class has no rarer one
        cast(null as {{ dbt.type_bigint() }}) as rarest_label_count,
        cast(null as {{ dbt.type_bigint() }}) as commonest_labeled_count,
        {{ null_double }} as commonest_mean_log_loss,
        {{ null_double }} as commonest_log_loss_stddev
    from class_sums
    inner join losses
        on {{ log_loss.same_scope('class_sums', 'losses') }}
    where class_sums.cohort_name = 'all'

),

corrected_days as (

    select
        metric_date,
        model_name,
        model_version,
        max(case when is_correction then 1 else 0 end) as is_corrected
    from {{ ref('int_log_loss__corrections') }}
    where published_date_of_day is not null
    group by metric_date, model_name, model_version

),

correction_rates as (

    select
        {{ log_loss.scope_columns('mature_days') | join(',\n        ') }},
        'all' as label,
        min(mature_days.metric_date) as window_start_date,
        max(mature_days.metric_date) as window_end_date,
        {{ log_loss.safe_divide('sum(corrected_days.is_corrected)', 'count(*)') }}
            as correction_rate,
        sum(mature_days.labeled_count) as labeled_count,
        {{ log_loss.safe_divide(
            'sum(mature_days.labeled_count)', 'sum(mature_days.prediction_count)'
        ) }} as label_coverage
    from mature_days
    inner join corrected_days
        on
            mature_days.metric_date = corrected_days.metric_date
            and mature_days.model_name = corrected_days.model_name
            and mature_days.model_version = corrected_days.model_version
    where mature_days.cohort_name = 'all'
    group by {{ log_loss.scope_columns('mature_days') | join(', ') }}

),

-- labels by an age: choosing days by their coverage would hide it -------------------

coverages as (

    select
        {{ scope }},
        'all' as label,
        {{ window }},
        sum(prediction_count) as prediction_count,
        sum(labeled_by_maturity_count) as labeled_count,
        {{ log_loss.safe_divide(
            'sum(labeled_by_maturity_count)', 'sum(prediction_count)'
        ) }} as label_coverage
    from days
    where
        prediction_count > 0
        and age_days >= {{ settings.mature_days }}
        and age_days < {{ settings.mature_days + settings.evaluation_days }}
    group by {{ scope }}

),

-- inputs, by load date ------------------------------------------------------------

input_entries as (

    {{ log_loss.rollup_rows(['overall', 'label_event']) }}

),

clock as (

    select as_of_date from {{ ref('int_log_loss__clock') }}

),

dated_input_entries as (

    select
        input_entries.*,
        case
            when input_entries.grain = 'overall' then 'rejected_share'
            else 'rejected_label_share'
        end as rule,
        -- a label event changes its state later, and keeps its load date
        case
            when input_entries.grain = 'overall' then input_entries.recorded_date
            else input_entries.metric_date
        end as loaded_on,
        {{ log_loss.add_days('clock.as_of_date', 1 - settings.evaluation_days) }}
            as window_start_date,
        clock.as_of_date as window_end_date
    from input_entries
    cross join clock
    where
        input_entries.grain = 'label_event'
        or input_entries.entry_type in ('prediction', 'rejection')

),

-- A row that no clock can date may have come today, so it always counts, unless its
-- scope has gone quiet.
judged_input_entries as (

    select
        *,
        case
            when
                loaded_on = {{ log_loss.undated() }}
                or loaded_on >= window_start_date
            then entry_count
            else 0
        end as row_count
    from dated_input_entries

),

-- a row sent twice harms nobody and does not count as rejected
loaded_rows as (

    select
        rule,
        model_name,
        model_version,
        window_start_date,
        window_end_date,
        max(loaded_on) as last_loaded_on,
        sum(
            case
                when
                    entry_type = 'rejection'
                    and reason not in ('duplicate_label', 'duplicate_prediction')
                then row_count
                else 0
            end
        ) as rejected_count,
        sum(row_count) as row_count
    from judged_input_entries
    group by
        rule,
        model_name,
        model_version,
        window_start_date,
        window_end_date

),

-- rows that name no version are a share of the model's rows, rows that name no
-- model are a share of all
rejected_shares as (

    select
        rule,
        model_name,
        model_version,
        'all' as cohort_name,
        'all' as cohort_value,
        'all' as label,
        window_start_date,
        window_end_date,
        row_count,
        cast(null as {{ dbt.type_bigint() }}) as labeled_count,
        {{ null_double }} as label_coverage,
        {{ log_loss.safe_divide('rejected_count', "case
            when model_name = '(unknown)' then sum(row_count) over (partition by rule)
            when model_version = '(unknown)'
            then sum(row_count) over (partition by rule, model_name)
            else row_count
        end") }} as rejected_share
    from loaded_rows
    where
        last_loaded_on >= window_start_date
        or last_loaded_on = {{ log_loss.undated() }}

),

-- a defect of the package, on any day of any scope -------------------------------

broken_sums as (

    select
        model_name,
        model_version,
        'all' as cohort_name,
        'all' as cohort_value,
        'all' as label,
        {{ window }},
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
    from days
    group by model_name, model_version

),

-- a version that only has days too young to judge --------------------------------

recent_versions as (

    select
        {{ scope }},
        {{ window }},
        sum(labeled_count) as labeled_count,
        {{ log_loss.safe_divide('sum(labeled_count)', 'sum(prediction_count)') }}
            as label_coverage
    from days
    where
        cohort_name = 'all'
        and prediction_count > 0
        and age_days >= 0
        and age_days < {{ settings.evaluation_days }}
    group by {{ scope }}

),

rules_of_versions as (

    select 'mean_log_loss' as rule
    union all
    select 'clipped_loss_share' as rule
    union all
    select 'correction_rate' as rule

),

immature_versions as (

    select
        recent_versions.*,
        rules_of_versions.rule,
        'all' as label
    from recent_versions
    cross join rules_of_versions
    left join losses
        on {{ log_loss.same_scope('recent_versions', 'losses') }}
    where losses.model_name is null

),

-- ---------------------------------------------------------------------------------

measured as (

    {% for measure in measures -%}
    select
        {{ measure.rule }} as rule,
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
        {{ null_double }} as ci_lower,
        {{ null_double }} as ci_upper,
        {{ null_double }} as commonest_ci_lower,
        {%- endif %}
        {{ '1 = 1' if measure.is_estimate else '1 = 0' }} as is_estimate,
        {{ '1 = 1' if measure.is_immature else '1 = 0' }} as is_immature
    from {{ measure.from }}
    {%- if measure.where %}
    where {{ measure.where }}
    {%- endif %}
    {%- if not loop.last %}

    union all

    {% endif %}
    {%- endfor %}

)

select
    rule,
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
    is_immature
from measured
