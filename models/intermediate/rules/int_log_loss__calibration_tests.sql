{%- set settings = log_loss.configuration() -%}
{%- set window_days = settings.error_budget.days -%}
{%- set version = ['as_of_date'] + log_loss.scope_columns() -%}
{%- set keys = ['rule'] + version -%}
{%- set window = 'partition by window_name, ' ~ keys | join(', ') %}

-- Whether the labels of 28 days are those that the scores promised.
with

day_states as (

    select * from {{ ref('int_log_loss__day_states') }}
    where
        cohort_name = 'all'
        and label = 'all'

),

-- By age and not by coverage: days of which four fifths are labeled soon can be those
-- without an event so far.
recent_days as (

    select
        'recent' as window_name,
        as_of_dates.as_of_date,
        {{ log_loss.scope_columns('day_states') | join(', ') }},
        day_states.model_version as measured_version,
        day_states.metric_date
    from day_states
    inner join {{ ref('int_log_loss__as_of_dates') }} as as_of_dates
        on
            day_states.known_from <= as_of_dates.as_of_date
            and day_states.known_until > as_of_dates.as_of_date
            and day_states.metric_date <= {{ log_loss.add_days(
                'as_of_dates.as_of_date', -settings.mature_days
            ) }}
            and day_states.metric_date > {{ log_loss.add_days(
                'as_of_dates.as_of_date', -settings.mature_days - window_days
            ) }}
    where day_states.prediction_count > 0

),

recent_windows as (

    select
        {{ version | join(', ') }},
        min(metric_date) as start_date
    from recent_days
    group by
        {{ version | join(', ') }}
    -- a version that has gone quiet is not evaluated
    having
        max(metric_date) > {{ log_loss.add_days(
            'as_of_date', -settings.mature_days - settings.evaluation_days
        ) }}

),

baseline_days as (

    select
        'baseline' as window_name,
        evaluation_days.as_of_date,
        {{ log_loss.scope_columns('evaluation_days') | join(', ') }},
        evaluation_days.measured_version,
        evaluation_days.metric_date
    from {{ ref('int_log_loss__evaluation_days') }} as evaluation_days
    inner join recent_windows
        on
            {{ log_loss.same_columns(version, 'evaluation_days', 'recent_windows') }}
            and evaluation_days.metric_date < recent_windows.start_date
    where
        evaluation_days.window_name = 'baseline'
        and evaluation_days.age_days >= {{ settings.mature_days }}

),

all_days as (

    select recent_days.*
    from recent_days
    inner join recent_windows
        on {{ log_loss.same_columns(version, 'recent_days', 'recent_windows') }}

    union all

    select * from baseline_days

),

days as (

    select
        {% for column in ['window_name'] + version + ['metric_date'] -%}
        all_days.{{ column }},
        {% endfor -%}
        day_states.prediction_count,
        day_states.labeled_count,
        day_states.loss_sum,
        day_states.loss_squared_sum,
        day_states.brier_sum,
        day_states.entropy_sum,
        day_states.entropy_variance_sum,
        day_states.event_count,
        day_states.score_sum,
        day_states.score_sum - day_states.score_squared_sum as score_variance_sum
    from all_days
    inner join day_states
        on
            all_days.model_name = day_states.model_name
            and all_days.measured_version = day_states.model_version
            and all_days.metric_date = day_states.metric_date
            and all_days.as_of_date >= day_states.known_from
            and all_days.as_of_date < day_states.known_until
    where day_states.labeled_count > 0

),

-- what came, beside what the scores promised
outcomes as (

    {% for rule, observed, expected, variance, squared in [
        ('calibration_gap', 'loss_sum', 'entropy_sum', 'entropy_variance_sum',
         'loss_squared_sum'),
        ('event_share_shift', 'event_count', 'score_sum', 'score_variance_sum',
         'brier_sum'),
    ] -%}
    select
        '{{ rule }}' as rule,
        window_name,
        as_of_date,
        {{ log_loss.scope_columns() | join(', ') }},
        metric_date,
        prediction_count,
        labeled_count,
        event_count,
        {{ observed }} - {{ expected }} as excess,
        {{ expected }} as expected_sum,
        {{ variance }} as variance_sum,
        {{ squared }} as squared_sum,
        {% if rule == 'calibration_gap' -%}
        labeled_count * {{ log_loss.double(settings.minimum_increase) }}
        {%- else -%}
        {{ log_loss.double(0) }}
        {%- endif %} as least_expected_sum,
        score_sum,
        score_variance_sum,
        brier_sum
    from days
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

windows as (

    select
        *,
        {% for sum in [
            'excess', 'expected_sum', 'least_expected_sum', 'score_variance_sum',
            'brier_sum',
        ] -%}
        sum({{ sum }}) over ({{ window }}) as {{ sum }}_of_window
        {{- ',' if not loop.last }}
        {% endfor %}
    from outcomes

),

-- where next to nothing was uncertain, and nothing missed, nothing can be said
ratios as (

    select
        *,
        case
            when not {{ log_loss.is_calibration_testable(
                'score_variance_sum_of_window', 'brier_sum_of_window'
            ) }}
            then null
            when expected_sum_of_window > least_expected_sum_of_window
            then excess_of_window / expected_sum_of_window
            else {{ log_loss.safe_divide(
                'excess_of_window', 'least_expected_sum_of_window'
            ) }}
        end as relative_excess
    from windows

),

deviations_of_days as (

    select
        *,
        excess - {{ log_loss.multiply('relative_excess', 'expected_sum') }} as residual
    from ratios

),

residuals as (

    select
        *,
        lead(residual) over (
            {{ window }}
            order by metric_date
        ) as next_residual
    from deviations_of_days

),

sums as (

    select
        window_name,
        {{ keys | join(', ') }},
        min(metric_date) as start_date,
        max(metric_date) as end_date,
        count(*) as day_count,
        sum(prediction_count) as prediction_count,
        sum(labeled_count) as labeled_count,
        sum(event_count) as event_count,
        sum(excess) as excess,
        sum(expected_sum) as expected_sum,
        sum({{ log_loss.multiply('expected_sum', 'expected_sum') }})
            as expected_squared_sum,
        sum(variance_sum) as variance_sum,
        sum(squared_sum) as squared_sum,
        sum(score_sum) as score_sum,
        max(relative_excess) as relative_excess,
        sum({{ log_loss.multiply('residual', 'residual') }}) as residual_squared_sum,
        sum({{ log_loss.multiply('residual', 'next_residual') }})
            as residual_product_sum
    from residuals
    group by
        window_name,
        {{ keys | join(', ') }}

),

-- how much days of the baseline differ in what they exceed their promise by
baselines as (

    select
        {{ keys | join(', ') }},
        day_count,
        residual_squared_sum / expected_squared_sum
        * {{ log_loss.safe_divide('day_count', 'day_count - 1') }} as day_variance,
        -- the sample's is too low by about one over its length
        {{ log_loss.safe_divide('residual_product_sum', 'residual_squared_sum') }}
        + {{ log_loss.safe_divide('1', 'day_count') }} as unbounded_autocorrelation
    from sums
    where
        window_name = 'baseline'
        and day_count >= 14
        and relative_excess is not null

),

bounded as (

    select
        *,
        {{ log_loss.bounded_autocorrelation(
            'unbounded_autocorrelation'
        ) }} as autocorrelation
    from baselines

),

errors as (

    select
        {% for key in keys -%}
        sums.{{ key }},
        {% endfor -%}
        sums.start_date,
        sums.end_date,
        sums.day_count,
        sums.prediction_count,
        sums.labeled_count,
        -- of those that came or that were promised: none of fifty is proof as well
        case
            when sums.event_count > sums.score_sum then sums.event_count
            else floor(sums.score_sum)
        end as event_count,
        case
            when sums.event_count < sums.score_sum
            then sums.labeled_count - sums.event_count
            else floor(sums.labeled_count - sums.score_sum)
        end as other_count,
        sums.excess,
        sums.expected_sum,
        sums.relative_excess,
        case
            when sums.relative_excess is not null
            then sqrt({{ log_loss.variance_if_calibrated(
                'sums.variance_sum', 'sums.squared_sum'
            ) }})
        end as row_standard_error,
        sqrt(
            {{ log_loss.multiply(
                'bounded.day_variance', 'sums.expected_squared_sum'
            ) }}
            * {{ log_loss.variance_inflation('bounded.autocorrelation') }}
        ) as day_standard_error,
        bounded.autocorrelation,
        bounded.day_count as baseline_day_count
    from sums
    left join bounded
        on {{ log_loss.same_columns(keys, 'sums', 'bounded') }}
    where sums.window_name = 'recent'

),

tests as (

    select
        *,
        {{ log_loss.safe_divide('excess', 'row_standard_error') }} as z_rows,
        {{ log_loss.safe_divide('excess', 'day_standard_error') }} as z_days,
        case when baseline_day_count is not null then
            {{ log_loss.degrees_of_freedom(
                log_loss.effective_day_count('baseline_day_count', 'autocorrelation'),
                fitted=1
            ) }}
        end as degrees_of_freedom
    from errors

),

-- the larger error counts, and either direction
deviations as (

    select
        *,
        case when abs(z_rows) > abs(z_days) then abs(z_days) else abs(z_rows) end as t
    from tests

),

deviates as (

    select
        *,
        {{ log_loss.student_t_deviate('t', 'degrees_of_freedom') }}
            as deviate
    from deviations

)

select
    {{ keys | join(', ') }},
    start_date as window_start_date,
    end_date as window_end_date,
    cast(labeled_count as {{ dbt.type_bigint() }}) as labeled_count,
    cast(
        case when event_count < other_count then event_count else other_count end
        as {{ dbt.type_bigint() }}
    ) as rarer_outcome_count,
    {{ log_loss.safe_divide('labeled_count', 'prediction_count') }} as label_coverage,
    cast(day_count as {{ dbt.type_bigint() }}) as day_count,
    relative_excess,
    excess / labeled_count as mean_excess,
    expected_sum / labeled_count as expected_mean,
    autocorrelation,
    degrees_of_freedom,
    z_rows,
    z_days,
    case
        when day_standard_error is not null
        then 2 * {{ log_loss.student_t_upper_tail(
            't', 'degrees_of_freedom', 'deviate'
        ) }}
    end as p_value
from deviates
