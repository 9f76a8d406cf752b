with

metrics as (

    select
        *,
        row_number() over (
            partition by model_name, model_version, metric_key
            order by
                case when logged_at is null then 1 else 0 end,
                logged_at desc,
                run_id asc,
                value asc
        ) as recency_rank
    from {{ ref('stg_log_loss__training_metrics') }}
    where abs(value) <= {{ log_loss.largest_double() }}

)

select
    model_name,
    model_version,
    metric_key,
    run_id,
    value,
    logged_at
from metrics
where recency_rank = 1
