{%- set days = log_loss.configuration().error_budget.days -%}
{%- set autocorrelation = 0.4 -%}
{#- how many days one counts for, of those that resemble each other by that -#}
{%- set independence = (1 - autocorrelation) / (1 + autocorrelation) -%}
{%- set keys = ['rule', 'evaluation_date'] + log_loss.scope_columns() -%}
{%- set window = 'partition by ' ~ keys | join(', ') %}

with

days as (

    select
        evaluation_days.evaluation_date,
        {{ log_loss.scope_columns('evaluation_days') | join(',\n        ') }},
        evaluation_days.metric_date,
        known_sums.labeled_count,
        known_sums.loss_sum,
        known_sums.entropy_sum,
        known_sums.entropy_variance_sum,
        known_sums.event_count,
        known_sums.score_sum,
        known_sums.score_sum - known_sums.score_squared_sum as score_variance_sum
    from {{ ref('int_log_loss__evaluation_days') }} as evaluation_days
    inner join {{ ref('int_log_loss__known_sums') }} as known_sums
        on
            {{ log_loss.same_scope('evaluation_days', 'known_sums') }}
            and evaluation_days.metric_date = known_sums.metric_date
            and evaluation_days.evaluation_date >= known_sums.known_from
            and evaluation_days.evaluation_date < known_sums.known_until
    where
        evaluation_days.window_name = '{{ log_loss.window_name(days) }}'
        and known_sums.label = 'all'
        and known_sums.labeled_count > 0

),

-- what came, beside what the scores promised
outcomes as (

    {% for rule, observed, expected, variance in [
        ('calibration_gap', 'loss_sum', 'entropy_sum', 'entropy_variance_sum'),
        ('event_share_shift', 'event_count', 'score_sum', 'score_variance_sum'),
    ] -%}
    select
        '{{ rule }}' as rule,
        evaluation_date,
        {{ log_loss.scope_columns() | join(',\n        ') }},
        metric_date,
        labeled_count,
        {{ observed }} - {{ expected }} as excess,
        {{ expected }} as expected_sum,
        {{ variance }} as variance_sum,
        score_variance_sum
    from days
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

ratios as (

    select
        *,
        {{ log_loss.safe_divide(
            'sum(excess) over (' ~ window ~ ')', 'sum(expected_sum) over (' ~ window ~ ')'
        ) }} as relative_excess
    from outcomes

),

windows as (

    select
        {{ keys | join(',\n        ') }},
        min(metric_date) as start_date,
        max(metric_date) as end_date,
        count(*) as day_count,
        sum(labeled_count) as labeled_count,
        sum(excess) as excess,
        sum(expected_sum) as expected_sum,
        sum(variance_sum) as variance_sum,
        sum(score_variance_sum) as score_variance_sum,
        max(relative_excess) as relative_excess,
        sum(
            (excess - relative_excess * expected_sum)
            * (excess - relative_excess * expected_sum)
        ) as residual_squared_sum
    from ratios
    group by
        {{ keys | join(',\n        ') }}
    having count(*) >= {{ (days / 2) | int }}

),

-- A month is too short to tell how alike one day is to the next: an autocorrelation of
-- {{ autocorrelation }} is assumed.
errors as (

    select
        *,
        sqrt(case when variance_sum > 0 then variance_sum else 0 end)
            as row_standard_error,
        sqrt(
            residual_squared_sum
            * {{ log_loss.safe_divide('day_count', 'day_count - 1') }}
            / {{ log_loss.double(independence) }}
        ) as day_standard_error,
        case
            when day_count * {{ log_loss.double(independence) }} > 5
            then day_count * {{ log_loss.double(independence) }} - 1
            else 4
        end as degrees_of_freedom
    from windows

),

tests as (

    select
        *,
        {{ log_loss.safe_divide('excess', 'row_standard_error') }} as z_rows,
        {{ log_loss.safe_divide('excess', 'day_standard_error') }} as z_days
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
        {{ log_loss.student_t_deviate('t', 'degrees_of_freedom') | indent(8) }}
            as deviate
    from deviations

)

select
    {{ keys | join(',\n    ') }},
    start_date as window_start_date,
    end_date as window_end_date,
    cast(labeled_count as {{ dbt.type_bigint() }}) as labeled_count,
    cast(day_count as {{ dbt.type_bigint() }}) as day_count,
    relative_excess,
    excess / labeled_count as mean_excess,
    expected_sum / labeled_count as expected_mean,
    degrees_of_freedom,
    z_rows,
    z_days,
    case
        when score_variance_sum >= {{ log_loss.least_score_variance() }}
        then 2 * {{ log_loss.student_t_upper_tail(
            't', 'degrees_of_freedom', 'deviate'
        ) | indent(8) }}
    end as p_value
from deviates
