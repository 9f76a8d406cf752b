select
    metric_date,
    model_name,
    model_version,
    label,
    cast(loss_bin as {{ dbt.type_bigint() }}) as loss_bin,
    {{ log_loss.loss_bin_value('loss_bin') | indent(4) }} as log_loss,
    labeled_count,
    loss_sum
from {{ ref('int_log_loss__loss_bins') }}
