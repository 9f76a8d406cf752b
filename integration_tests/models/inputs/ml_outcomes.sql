{{ config(materialized='view', alias='ml_outcomes_v2') }}
{% set timestamp_type = log_loss.type_utc_timestamp() %}
-- The bank's outcomes in the shape that log_loss_labels asks for.
-- The times lack their seconds, which BigQuery insists on.
select
    scoring_id as request_id,
    model as model_name,
    nullif(outcome, '') as label,
    cast(nullif(decided_at, '') || ':00' as {{ timestamp_type }}) as labeled_at,
    cast(nullif(landed_at, '') || ':00' as {{ timestamp_type }}) as loaded_at
from {{ ref('raw_outcomes') }}
