{%- set settings = log_loss.configuration() -%}
{%- set estimation = log_loss.estimation() -%}
{%- set horizon_days = estimation.horizon_days -%}
-- What was known of each day at each age.
with

ages as (

    {{ log_loss.whole_numbers(0, horizon_days, [2 * horizon_days, 4 * horizon_days]) }}

),

clock as (

    select
        last_whole_date,
        {{ log_loss.add_days('last_whole_date', -estimation.span_days) }} as first_date
    from {{ ref('int_log_loss__clock') }}

),

day_states as (

    select
        day_states.*,
        clock.last_whole_date
    from {{ ref('int_log_loss__day_states') }} as day_states
    inner join clock on day_states.metric_date > clock.first_date
    where
        day_states.cohort_name = 'all'
        or (
            day_states.cohort_name = {{ log_loss.text_literal(settings.stratum) }}
            and day_states.label = 'all'
        )

),

aged as (

    select
        day_states.*,
        ages.number as age_days,
        {{ log_loss.add_days('day_states.metric_date', 'ages.number') }} as as_of_date
    from day_states
    cross join ages

)

select
    metric_date,
    {{ log_loss.scope_columns() | join(', ') }},
    label,
    cast(age_days as {{ dbt.type_int() }}) as age_days,
    as_of_date,
    prediction_count,
    labeled_count,
    loss_sum,
    loss_squared_sum
from aged
where
    as_of_date >= known_from
    and as_of_date < known_until
    and as_of_date <= last_whole_date
