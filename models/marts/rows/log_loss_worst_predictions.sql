{{ config(materialized='view') }}
-- The rows behind a bad number: those with the largest losses.
with

scored as (

    select * from {{ ref('log_loss_scored_predictions') }}
    where loss is not null

),

ranked as (

    select
        *,
        cast(predicted_at as date) as metric_date,
        row_number() over (
            partition by cast(predicted_at as date), model_name, model_version
            order by loss desc, request_id asc
        ) as loss_rank
    from scored

)

select *  -- noqa: AM04
from ranked
where loss_rank <= 20
