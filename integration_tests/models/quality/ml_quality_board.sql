-- The latest mature day of each model version, beside what the thresholds say of it.
with

mature_days as (

    select
        *,
        row_number() over (
            partition by model_name, model_version
            order by metric_date desc
        ) as recency
    from {{ ref('log_loss', 'log_loss_daily') }}
    where is_mature

),

statuses as (

    select
        model_name,
        model_version,
        sum(case when status = 'error' then 1 else 0 end) as error_count,
        sum(case when status = 'warn' then 1 else 0 end) as warning_count
    from {{ ref('log_loss', 'log_loss_threshold_status') }}
    group by model_name, model_version

)

select
    mature_days.model_name || ' ' || mature_days.model_version as model_key,
    mature_days.model_name,
    mature_days.model_version,
    mature_days.metric_date,
    mature_days.mean_log_loss_7d,
    mature_days.labeled_count,
    coalesce(statuses.error_count, 0) as error_count,
    coalesce(statuses.warning_count, 0) as warning_count
from mature_days
left join statuses
    on
        mature_days.model_name = statuses.model_name
        and mature_days.model_version = statuses.model_version
where mature_days.recency = 1
