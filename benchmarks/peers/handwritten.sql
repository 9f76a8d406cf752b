-- What an analyst writes who knows the traps: the prediction loaded first, the latest
-- label, the mean per day and version.
with predictions as (
    select *
    from raw.predictions
    qualify row_number() over (
        partition by request_id, model_name, model_version order by predicted_at
    ) = 1
),

labels as (
    select *
    from raw.labels
    qualify row_number() over (
        partition by request_id, model_name order by labeled_at desc
    ) = 1
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
