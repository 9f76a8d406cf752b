with

metrics as (

    select
        *,
        -- an undated one counts until there is a dated one
        coalesce(cast(logged_at as date), {{ log_loss.undated() }}) as known_from,
        row_number() over (
            partition by
                model_name,
                model_version,
                metric_key,
                coalesce(cast(logged_at as date), {{ log_loss.undated() }})
            order by
                case when logged_at is null then 1 else 0 end,
                logged_at desc,
                run_id asc,
                value asc
        ) as recency_rank
    from {{ ref('stg_log_loss__training_metrics') }}
    where abs(value) <= {{ log_loss.largest_double() }}

),

dated as (

    select
        *,
        lead(known_from) over (
            partition by model_name, model_version, metric_key
            order by known_from
        ) as next_known_from
    from metrics
    where recency_rank = 1

)

select
    model_name,
    model_version,
    metric_key,
    known_from,
    -- a far date, so that a join compares columns alone
    coalesce(next_known_from, {{ log_loss.date_literal('9999-12-31') }}) as known_until,
    run_id,
    value,
    logged_at
from dated
