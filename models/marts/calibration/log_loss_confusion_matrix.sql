select
    metric_date,
    model_name,
    model_version,
    label,
    predicted_label,
    cast(sum(row_count) as {{ dbt.type_bigint() }}) as labeled_count,
    sum(loss_sum) as loss_sum
from {{ ref('int_log_loss__score_bins') }}
where cohort_name = 'all' and label is not null
group by
    metric_date,
    model_name,
    model_version,
    label,
    predicted_label
