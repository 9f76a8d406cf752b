{%- set recent = log_loss.window_name(log_loss.configuration().error_budget.days) -%}
{%- set keys = ['rule', 'evaluation_date'] + log_loss.scope_columns() -%}
{%- set window = 'partition by window_name, ' ~ keys | join(', ') %}

with

days as (

    select
        evaluation_days.window_name,
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
            evaluation_days.model_name = known_sums.model_name
            and evaluation_days.measured_version = known_sums.model_version
            and evaluation_days.metric_date = known_sums.metric_date
            and evaluation_days.evaluation_date >= known_sums.known_from
            and evaluation_days.evaluation_date < known_sums.known_until
    where
        evaluation_days.window_name in ('baseline', '{{ recent }}')
        and evaluation_days.cohort_name = 'all'
        and known_sums.cohort_name = 'all'
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
        window_name,
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

residuals as (

    select
        *,
        excess - relative_excess * expected_sum as residual,
        lead(excess - relative_excess * expected_sum) over (
            {{ window }}
            order by metric_date
        ) as next_residual
    from ratios

),

sums as (

    select
        window_name,
        {{ keys | join(',\n        ') }},
        min(metric_date) as start_date,
        max(metric_date) as end_date,
        count(*) as day_count,
        sum(labeled_count) as labeled_count,
        sum(excess) as excess,
        sum(expected_sum) as expected_sum,
        sum(expected_sum * expected_sum) as expected_squared_sum,
        sum(variance_sum) as variance_sum,
        sum(score_variance_sum) as score_variance_sum,
        max(relative_excess) as relative_excess,
        sum(residual * residual) as residual_squared_sum,
        sum(residual * next_residual) as residual_product_sum
    from residuals
    group by
        window_name,
        {{ keys | join(',\n        ') }}

),

-- how much days of the baseline differ in what they exceed their promise by
baselines as (

    select
        {{ keys | join(',\n        ') }},
        day_count,
        {{ log_loss.safe_divide(
            'residual_squared_sum * day_count', 'expected_squared_sum * (day_count - 1)'
        ) }} as day_variance,
        -- the sample's is too low by about one over its length
        {{ log_loss.safe_divide('residual_product_sum', 'residual_squared_sum') }}
        + {{ log_loss.safe_divide('1', 'day_count') }} as unbounded_autocorrelation
    from sums
    where
        window_name = 'baseline'
        and day_count > 1

),

bounded as (

    select
        *,
        case
            when unbounded_autocorrelation < 0 then {{ log_loss.double(0) }}
            when unbounded_autocorrelation > 0.8 then {{ log_loss.double('0.8') }}
            -- days that are all alike have none
            else coalesce(unbounded_autocorrelation, 0)
        end as autocorrelation
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
        sums.labeled_count,
        sums.excess,
        sums.expected_sum,
        sums.relative_excess,
        sums.score_variance_sum,
        sqrt(case when sums.variance_sum > 0 then sums.variance_sum else 0 end)
            as row_standard_error,
        sqrt(
            bounded.day_variance * sums.expected_squared_sum
            * (1 + bounded.autocorrelation) / (1 - bounded.autocorrelation)
        ) as day_standard_error,
        bounded.autocorrelation,
        bounded.day_count
        * (1 - bounded.autocorrelation) / (1 + bounded.autocorrelation)
        - 1 as effective_day_count
    from sums
    left join bounded
        on {{ log_loss.same_columns(keys, 'sums', 'bounded') }}
    where sums.window_name = '{{ recent }}'

),

tests as (

    select
        *,
        {{ log_loss.safe_divide('excess', 'row_standard_error') }} as z_rows,
        {{ log_loss.safe_divide('excess', 'day_standard_error') }} as z_days,
        case
            when effective_day_count > 4 then effective_day_count
            when effective_day_count is not null then 4
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
    autocorrelation,
    degrees_of_freedom,
    z_rows,
    z_days,
    case
        when
            day_standard_error is not null
            and score_variance_sum >= {{ log_loss.least_score_variance() }}
        then 2 * {{ log_loss.student_t_upper_tail(
            't', 'degrees_of_freedom', 'deviate'
        ) | indent(8) }}
    end as p_value
from deviates
