{%- set settings = log_loss.configuration() -%}
{%- set estimation = log_loss.estimation() -%}
{%- set horizon_days = estimation.horizon_days -%}
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

known_sums as (

    select
        known_sums.*,
        clock.last_whole_date
    from {{ ref('int_log_loss__known_sums') }} as known_sums
    inner join clock on known_sums.metric_date > clock.first_date
    where
        known_sums.cohort_name = 'all'
        or (
            known_sums.cohort_name = {{ log_loss.text_literal(settings.stratum) }}
            and known_sums.label = 'all'
        )

),

aged as (

    select
        known_sums.*,
        ages.number as age_days,
        {{ log_loss.add_days('known_sums.metric_date', 'ages.number') }} as known_on
    from known_sums
    cross join ages

)

select
    metric_date,
    {{ log_loss.scope_columns() | join(',\n    ') }},
    label,
    cast(age_days as {{ dbt.type_int() }}) as age_days,
    known_on,
    prediction_count,
    labeled_count,
    loss_sum,
    loss_squared_sum
from aged
where known_on >= known_from and known_on < known_until and known_on <= last_whole_date
