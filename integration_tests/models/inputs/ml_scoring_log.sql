{% set timestamp_type = log_loss.type_utc_timestamp() %}
-- The bank's scoring log in the shape that log_loss_predictions asks for.
-- The times lack their seconds, which BigQuery insists on.
with

raw_scores as (

    select
        scoring_id,
        model,
        version,
        cast(nullif(scored_at, '') || ':00' as {{ timestamp_type }}) as scored_at,
        cast(nullif(landed_at, '') || ':00' as {{ timestamp_type }}) as landed_at,
        cast(nullif(score_1, '') as {{ log_loss.type_double() }}) as score_1,
        cast(nullif(score_2, '') as {{ log_loss.type_double() }}) as score_2,
        cast(nullif(score_3, '') as {{ log_loss.type_double() }}) as score_3,
        nullif(upper(trim(country)), '') as country,
        channel,
        cast(amount_eur as {{ dbt.type_numeric() }}) as amount
    from {{ ref('raw_scoring_log') }}
    where channel <> 'load_test'

)

select
    scoring_id as request_id,
    model as model_name,
    version as model_version,
    scored_at as predicted_at,
    landed_at as loaded_at,
    score_1 as probability,
    score_1 as fraud_probability,
    score_1 as p_on_time,
    score_2 as p_late,
    score_3 as p_wont_pay,
    country,
    channel,
    amount
from raw_scores
