-- What: warns of requests with rows loaded more than `log_loss_label_horizon_days`
-- apart, by the date on which the last of them was loaded.
-- When it matters: an incremental run reads no older rows. A label whose prediction is
-- out of sight is unmatched; one whose predecessor is, is counted beside it; a copy of
-- a prediction is counted once more.
-- How to resolve: set `log_loss_label_horizon_days` to the largest `days_apart` for
-- good, and run the returned `command`, which restates from the earliest of the dates.
-- A full refresh is exact too, until the next incremental run with the old horizon.
-- Reads all of both inputs: schedule it daily or weekly, not hourly.
{%- set horizon_days = var('log_loss_label_horizon_days', none) -%}
{{ config(
    enabled=(horizon_days is not none),
    severity='warn',
    tags=['log_loss_full_scan']
) }}

with

loads as (

    select
        request_id,
        model_name,
        recorded_date
    from {{ ref('stg_log_loss__predictions') }}
    where rejection_reason is null

    union all

    select
        request_id,
        model_name,
        recorded_date
    from {{ ref('stg_log_loss__labels') }}
    where rejection_reason is null

),

requests as (

    select
        request_id,
        model_name,
        min(recorded_date) as first_recorded_date,
        max(recorded_date) as last_recorded_date
    from loads
    group by request_id, model_name

),

broken_promises as (

    select
        last_recorded_date,
        model_name,
        count(*) as request_count,
        max({{ log_loss.days_between('first_recorded_date', 'last_recorded_date') }})
            as days_apart
    from requests
    where
        last_recorded_date
        > {{ log_loss.add_days('first_recorded_date', horizon_days or 0) }}
    group by last_recorded_date, model_name

)

select
    last_recorded_date,
    model_name,
    request_count,
    days_apart,
    {{ log_loss.restatement_command(
        'min(last_recorded_date) over ()',
        {'log_loss_label_horizon_days': 'max(days_apart) over ()'}
    ) }} as command
from broken_promises
