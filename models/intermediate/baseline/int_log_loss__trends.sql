{%- set days = log_loss.configuration().error_budget.days -%}
{%- set window -%}
partition by evaluation_date, {{ log_loss.scope_columns() | join(', ') }}
{%- endset %}

with

days as (

    select
        *,
        loss_sum / labeled_count as day_mean,
        {{ log_loss.double(log_loss.days_between('metric_date', 'evaluation_date')) }}
            as days_ago
    from {{ ref('int_log_loss__evaluation_days') }}
    where
        window_name = '{{ log_loss.window_name(days) }}'
        and labeled_count > 0

),

-- a day weighs as a day, whatever its number of labels
deviations as (

    select
        *,
        day_mean - avg(day_mean) over ({{ window }}) as deviation,
        avg(days_ago) over ({{ window }}) - days_ago as time_deviation
    from days

),

slopes as (

    select
        *,
        {{ log_loss.safe_divide(
            'sum(deviation * time_deviation) over (' ~ window ~ ')',
            'sum(time_deviation * time_deviation) over (' ~ window ~ ')'
        ) }} as slope
    from deviations

),

residuals as (

    select
        *,
        deviation - slope * time_deviation as residual,
        lead(deviation - slope * time_deviation) over (
            {{ window }}
            order by metric_date
        ) as next_residual
    from slopes

),

windows as (

    select
        evaluation_date,
        {{ log_loss.scope_columns() | join(',\n        ') }},
        min(metric_date) as start_date,
        max(metric_date) as end_date,
        sum(labeled_count) as labeled_count,
        count(*) as day_count,
        sum(loss_sum) as loss_sum,
        max(slope) as slope,
        sum(time_deviation * time_deviation) as time_squared_sum,
        sum(residual * residual) as residual_squared_sum,
        -- two too low for the line that was fitted
        {{ log_loss.safe_divide(
            'sum(residual * next_residual)', 'sum(residual * residual)'
        ) }} + {{ log_loss.safe_divide('2', 'count(*)') }} as unbounded_autocorrelation
    from residuals
    group by
        evaluation_date,
        {{ log_loss.scope_columns() | join(',\n        ') }}
    having count(*) >= {{ (days / 2) | int }}

),

bounded as (

    select
        *,
        {{ log_loss.bounded_autocorrelation(
            'unbounded_autocorrelation'
        ) | indent(8) }} as autocorrelation
    from windows

),

errors as (

    select
        *,
        sqrt(
            residual_squared_sum / (day_count - 2)
            * (1 + autocorrelation) / (1 - autocorrelation)
            / time_squared_sum
        ) as standard_error,
        case
            when day_count * (1 - autocorrelation) / (1 + autocorrelation) > 6
            then day_count * (1 - autocorrelation) / (1 + autocorrelation) - 2
            else 4
        end as degrees_of_freedom
    from bounded

),

tests as (

    select
        *,
        {{ log_loss.safe_divide('slope', 'standard_error') }} as t
    from errors

),

deviates as (

    select
        *,
        {{ log_loss.student_t_deviate('t', 'degrees_of_freedom') | indent(8) }}
            as deviate
    from tests

)

select
    evaluation_date,
    {{ log_loss.scope_columns() | join(',\n    ') }},
    start_date as window_start_date,
    end_date as window_end_date,
    cast(labeled_count as {{ dbt.type_bigint() }}) as labeled_count,
    cast(day_count as {{ dbt.type_bigint() }}) as day_count,
    {{ log_loss.safe_divide('loss_sum', 'labeled_count') }} as mean_log_loss,
    slope,
    standard_error,
    autocorrelation,
    degrees_of_freedom,
    slope * {{ days }} as rise,
    -- without any spread a rise is certain, and what is not one is not
    coalesce(
        {{ log_loss.student_t_upper_tail(
            't', 'degrees_of_freedom', 'deviate'
        ) | indent(8) }},
        case
            when slope > 0 then {{ log_loss.double(0) }}
            else {{ log_loss.double(1) }}
        end
    ) as p_value
from deviates
