{{ config(materialized='view', alias='ml_outcomes_v2') }}
-- The bank's outcomes in the shape that log_loss_labels asks for.
select
    scoring_id as request_id,
    model as model_name,
    nullif(outcome, '') as label,
    cast(nullif(decided_at, '') as timestamp) as labeled_at,
    cast(nullif(landed_at, '') as timestamp) as loaded_at
from {{ ref('raw_outcomes') }}
