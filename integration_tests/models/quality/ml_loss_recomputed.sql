-- The bank's own check: the package's public macros on the bank's own tables, with
-- the simplest notion of truth, for requests that were scored and decided once.
with

scores as (

    select
        request_id,
        model_version,
        min(fraud_probability) as fraud_probability,
        count(*) as row_count
    from {{ ref('ml_scoring_log') }}
    where
        model_name = 'card_fraud'
        and fraud_probability between 0 and 1
        and amount >= 0
        and loaded_at < cast('2100-01-01' as {{ log_loss.type_utc_timestamp() }})
    group by request_id, model_version

),

outcomes as (

    select
        request_id,
        min({{ log_loss.normalize_label('label') }}) as label,
        count(*) as event_count
    from {{ ref('ml_outcomes') }}
    where model_name = 'card_fraud'
    group by request_id

)

select
    scores.model_version,
    count(*) as labeled_count,
    {{ log_loss.mean_log_loss(
        'outcomes.label', 'scores.fraud_probability', ['legit', 'fraud'], 1e-15
    ) }} as mean_log_loss
from scores
inner join outcomes
    on scores.request_id = outcomes.request_id
where
    scores.row_count = 1
    and outcomes.event_count = 1
    and outcomes.label in ('legit', 'fraud')
group by scores.model_version
