{%- set settings = log_loss.configuration() -%}
{%- set constants = log_loss.constants() -%}
{%- set scope_of = log_loss.scope_columns -%}
{%- set null_count = 'cast(null as ' ~ dbt.type_bigint() ~ ')' -%}
{%- set null_double = 'cast(null as ' ~ log_loss.type_double() ~ ')' -%}
{%- set percentiles = [95, 99] -%}
{%- set version = ['as_of_date', 'model_name', 'model_version'] -%}
{%- set measures = [
    {'rule': "'mean_log_loss'", 'from': 'losses', 'where': "cohort_name = 'all'",
     'value': 'mean_log_loss', 'sample': 'labeled_count', 'evaluated_by': 'mean'},
    {'rule': "'cohort_log_loss'", 'from': 'losses', 'where': "cohort_name <> 'all'",
     'value': 'mean_log_loss', 'sample': 'labeled_count', 'evaluated_by': 'mean'},
    {'rule': "'class_log_loss'", 'from': 'class_losses',
     'value': 'mean_log_loss', 'sample': 'labeled_count', 'evaluated_by': 'mean'},
    {'rule': "'class_log_loss_ratio'", 'from': 'class_ratios',
     'value': 'mean_log_loss', 'sample': 'labeled_count', 'evaluated_by': 'mean'},
    {'rule': "'weighted_log_loss'", 'from': 'weighted_losses',
     'value': 'weighted_log_loss', 'sample': 'weighted_count',
     'evaluated_by': 'interval'},
    {'rule': 'rule', 'from': 'percentiles',
     'value': 'value', 'sample': 'labeled_count', 'evaluated_by': 'interval'},
    {'rule': "'validation_log_loss_ratio'", 'from': 'validation_ratios',
     'value': 'mean_log_loss', 'sample': 'labeled_count', 'evaluated_by': 'mean',
     'baseline_value': 'validation_log_loss'},
    {'rule': "'clipped_loss_share'", 'from': 'losses', 'where': "cohort_name = 'all'",
     'value': 'clipped_loss_share', 'sample': 'labeled_count'},
    {'rule': "'correction_rate'", 'from': 'correction_rates',
     'value': 'correction_rate', 'sample': 'labeled_count'},
    {'rule': 'rule', 'from': 'immature_versions', 'value': null_double,
     'sample': 'labeled_count', 'status': "'immature'"},
] -%}
-- What the rules about the losses of the evaluated days measure.
with

as_of_dates as (

    select * from {{ ref('int_log_loss__as_of_dates') }}

),

{{ log_loss.evaluated_losses() }},

losses as (

    select * from evaluated_losses
    where label = 'all'

),

class_losses as (

    select
        as_of_date,
        {{ scope_of() | join(', ') }},
        label,
        window_start_date,
        window_end_date,
        labeled_count,
        label_coverage,
        mean_log_loss,
        log_loss_stddev,
        -- one class has no rarer one
        {{ null_count }} as rarest_label_count,
        {{ null_count }} as commonest_labeled_count,
        {{ null_double }} as commonest_mean_log_loss,
        {{ null_double }} as commonest_log_loss_stddev
    from evaluated_losses
    where
        label <> 'all'
        and cohort_name = 'all'

),

-- class parity: the interval is that of the class, the whole being far larger
class_ratios as (

    select
        class_losses.as_of_date,
        {{ scope_of('class_losses') | join(', ') }},
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
            class_losses.as_of_date = losses.as_of_date
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
    from {{ ref('int_log_loss__evaluation_windows') }}
    where
        measure = 'log_loss'
        and window_name = 'evaluation'
        and cohort_name = 'all'
        and label = 'all'
        and weighted_count > 0

),

weighted_losses as (

    select
        weighted_ratios.as_of_date,
        {{ scope_of('weighted_ratios') | join(', ') }},
        weighted_ratios.label,
        weighted_ratios.start_date as window_start_date,
        weighted_ratios.end_date as window_end_date,
        weighted_ratios.row_count as labeled_count,
        weighted_ratios.weighted_count,
        losses.label_coverage,
        weighted_ratios.weighted_log_loss,
        {% for side, sign in [('lower', '-'), ('upper', '')] -%}
        case
            when
                weighted_ratios.day_count >= 5
                and weighted_ratios.weighted_count >= {{ constants.least_row_count }}
                and coalesce(
                    losses.rarest_label_count, {{ constants.least_class_count }}
                ) >= {{ constants.least_class_count }}
            then weighted_ratios.weighted_log_loss * exp(
                {{ sign }}weighted_ratios.relative_error
                * {{ log_loss.student_t_quantile(
                    constants.z_95, 'weighted_ratios.day_count - 1'
                ) }}
            )
        end as ci_{{ side }}{{ ',' if not loop.last }}
        {% endfor %}
    from weighted_ratios
    inner join losses
        on
            weighted_ratios.as_of_date = losses.as_of_date
            and {{ log_loss.same_scope('weighted_ratios', 'losses') }}

),

-- How bad the worst rows of the evaluated days are: percentiles of the loss bins.
loss_bin_entries as (

    {{ log_loss.ledger_rows(['loss_bin']) }}

),

loss_bin_changes as (

    select
        metric_date,
        model_name,
        model_version,
        bin as loss_bin,
        recorded_date,
        sum(entry_count) as row_count
    from loss_bin_entries
    group by
        metric_date,
        model_name,
        model_version,
        bin,
        recorded_date

),

evaluated_bins as (

    select
        evaluated_days.as_of_date,
        evaluated_days.model_name,
        evaluated_days.model_version,
        loss_bin_changes.loss_bin,
        sum(loss_bin_changes.row_count) as row_count
    from {{ ref('int_log_loss__evaluation_days') }} as evaluated_days
    inner join loss_bin_changes
        on
            evaluated_days.model_name = loss_bin_changes.model_name
            and evaluated_days.model_version = loss_bin_changes.model_version
            and evaluated_days.metric_date = loss_bin_changes.metric_date
            and evaluated_days.as_of_date >= loss_bin_changes.recorded_date
    where
        evaluated_days.window_name = 'evaluation'
        and evaluated_days.cohort_name = 'all'
    group by
        evaluated_days.as_of_date,
        evaluated_days.model_name,
        evaluated_days.model_version,
        loss_bin_changes.loss_bin
    having sum(loss_bin_changes.row_count) > 0

),

cumulative_bins as (

    select
        *,
        sum(row_count) over (
            partition by {{ version | join(', ') }}
            order by loss_bin
            rows between unbounded preceding and current row
        ) as count_up_to_bin,
        sum(row_count) over (partition by {{ version | join(', ') }})
            as labeled_count
    from evaluated_bins

),

-- The percentile, and between which rows in order of their losses it lies with 95 %:
-- how many lie below it is binomial. Fewer than ten rows beyond it bound nothing.
percentile_ranks as (

    select
        *,
        {% for percentile in percentiles -%}
        case
            when labeled_count * {{ 100 - percentile }} >= 1000
            then {{ log_loss.z_95() }} * sqrt(
                labeled_count
                * {{ log_loss.double(percentile * (100 - percentile) / 10000) }}
            )
        end as p{{ percentile }}_half_width{{ ',' if not loop.last }}
        {% endfor %}
    from cumulative_bins

),

percentile_bins as (

    select
        {{ version | join(', ') }},
        max(labeled_count) as labeled_count,
        {% for percentile in percentiles -%}
        min(
            case
                when 100 * count_up_to_bin >= {{ percentile }} * labeled_count
                then loss_bin
            end
        ) as p{{ percentile }}_bin,
        {% for side, rank in [
            ('lower', 'floor(' ~ log_loss.double(percentile / 100)
                ~ ' * labeled_count - p' ~ percentile ~ '_half_width)'),
            ('upper', 'ceil(' ~ log_loss.double(percentile / 100)
                ~ ' * labeled_count + p' ~ percentile ~ '_half_width) + 1'),
        ] -%}
        min(case when count_up_to_bin >= {{ rank }} then loss_bin end)
            as p{{ percentile }}_{{ side }}_bin{{ ',' if not loop.last }}
        {% endfor -%}
        {{ ',' if not loop.last }}
        {% endfor %}
    from percentile_ranks
    group by
        {{ version | join(', ') }}

),

evaluated_percentiles as (

    {% for percentile in percentiles -%}
    select
        'p{{ percentile }}_log_loss' as rule,
        {{ version | join(', ') }},
        cast(labeled_count as {{ dbt.type_bigint() }}) as labeled_count,
        {% for bin, name in [
            ('bin', 'value'), ('lower_bin', 'ci_lower'), ('upper_bin', 'ci_upper')
        ] -%}
        {{ log_loss.loss_bin_value('p' ~ percentile ~ '_' ~ bin) }}
            as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from percentile_bins
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

percentiles as (

    select
        percentiles.rule,
        losses.as_of_date,
        {{ scope_of('losses') | join(', ') }},
        losses.label,
        losses.window_start_date,
        losses.window_end_date,
        losses.label_coverage,
        percentiles.labeled_count,
        percentiles.value,
        percentiles.ci_lower,
        percentiles.ci_upper
    from evaluated_percentiles as percentiles
    inner join losses
        on
            percentiles.as_of_date = losses.as_of_date
            and percentiles.model_name = losses.model_name
            and percentiles.model_version = losses.model_version
            and losses.cohort_name = 'all'

),

{{ log_loss.dated_training_metrics() }},

-- beside what training promised; the interval is that of production alone
validation_ratios as (

    select
        losses.as_of_date,
        {{ scope_of('losses') | join(', ') }},
        losses.label,
        losses.window_start_date,
        losses.window_end_date,
        losses.labeled_count,
        losses.label_coverage,
        {% for column in [
            'mean_log_loss', 'log_loss_stddev', 'commonest_mean_log_loss',
            'commonest_log_loss_stddev',
        ] -%}
        case
            when metrics.value > {{ log_loss.least_loss() }}
            then losses.{{ column }} / metrics.value
        end as {{ column }},
        {% endfor -%}
        losses.rarest_label_count,
        losses.commonest_labeled_count,
        metrics.value as validation_log_loss
    from losses
    inner join dated_training_metrics as metrics
        on
            losses.model_name = metrics.model_name
            and losses.model_version = metrics.model_version
            and losses.as_of_date >= metrics.known_from
            and losses.as_of_date < metrics.known_until
    where
        losses.cohort_name = 'all'
        and metrics.metric_key = 'validation_log_loss'

),

corrected_days as (

    select
        as_of_dates.as_of_date,
        corrections.metric_date,
        corrections.model_name,
        corrections.model_version,
        max(case when corrections.is_correction then 1 else 0 end) as is_corrected
    from {{ ref('int_log_loss__corrections') }} as corrections
    inner join as_of_dates
        on
            corrections.as_of_date <= as_of_dates.as_of_date
            and corrections.published_date_of_day <= as_of_dates.as_of_date
    group by
        as_of_dates.as_of_date,
        corrections.metric_date,
        corrections.model_name,
        corrections.model_version

),

correction_rates as (

    select
        losses.as_of_date,
        {{ scope_of('losses') | join(', ') }},
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
            losses.as_of_date = corrected_days.as_of_date
            and losses.model_name = corrected_days.model_name
            and losses.model_version = corrected_days.model_version
            and losses.window_start_date <= corrected_days.metric_date
            and losses.window_end_date >= corrected_days.metric_date
    where losses.cohort_name = 'all'
    group by
        losses.as_of_date,
        {{ scope_of('losses') | join(', ') }},
        losses.window_start_date,
        losses.window_end_date,
        losses.labeled_count,
        losses.label_coverage

),

-- a version that only has days too young to judge
recent_versions as (

    select
        as_of_dates.as_of_date,
        {{ scope_of('day_states') | join(', ') }},
        min(day_states.metric_date) as window_start_date,
        max(day_states.metric_date) as window_end_date,
        sum(day_states.labeled_count) as labeled_count,
        {{ log_loss.safe_divide(
            'sum(day_states.labeled_count)', 'sum(day_states.prediction_count)'
        ) }} as label_coverage
    from {{ ref('int_log_loss__day_states') }} as day_states
    inner join as_of_dates
        on
            day_states.known_from <= as_of_dates.as_of_date
            and day_states.known_until > as_of_dates.as_of_date
            and day_states.metric_date <= as_of_dates.as_of_date
            and day_states.metric_date > {{ log_loss.add_days(
                'as_of_dates.as_of_date', -settings.evaluation_days
            ) }}
    where
        day_states.cohort_name = 'all'
        and day_states.label = 'all'
    group by
        as_of_dates.as_of_date,
        {{ scope_of('day_states') | join(', ') }}
    having sum(day_states.prediction_count) > 0

),

waiting_rules as (

    {% for rule in log_loss.threshold_rules() if rule.can_be_immature -%}
    select '{{ rule.name }}' as rule
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

immature_versions as (

    select
        recent_versions.*,
        waiting_rules.rule,
        'all' as label
    from recent_versions
    cross join waiting_rules
    left join losses
        on
            recent_versions.as_of_date = losses.as_of_date
            and {{ log_loss.same_scope('recent_versions', 'losses') }}
    where losses.model_name is null

)

{{ log_loss.measured_rules(measures) }}
