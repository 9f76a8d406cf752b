-- The same as handwritten.sql, in DuckDB's own idiom.
with predictions as (
    select
        request_id,
        model_name,
        model_version,
        min_by(probability, predicted_at) as probability,
        min(predicted_at) as predicted_at
    from raw.predictions
    group by all
),

labels as (
    select request_id, model_name, arg_max(label, labeled_at) as label
    from raw.labels
    group by all
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
