-- What an analyst writes who knows the traps: the prediction loaded first, the latest
-- label, the mean per day and version.
with ranked_predictions as (
    select
        *,
        row_number() over (
            partition by request_id, model_name, model_version order by predicted_at
        ) as version_rank
    from raw.predictions
),

ranked_labels as (
    select
        *,
        row_number() over (
            partition by request_id, model_name order by labeled_at desc
        ) as event_rank
    from raw.labels
),

predictions as (
    select * from ranked_predictions where version_rank = 1
),

labels as (
    select * from ranked_labels where event_rank = 1
)

select
    cast(predicted_at as date) as metric_date,
    model_version,
    count(*) as prediction_count,
    count(label) as labeled_count,
    avg(
        -ln(greatest(1e-15, least(1 - 1e-15, case label
            when '1' then probability
            when '0' then 1 - probability
        end)))
    ) as mean_log_loss
from predictions
left join labels using (request_id, model_name)
group by all
