-- Labeled predictions by their loss: the bins, and the value that stands for each.
with

{{ log_loss.with_loss_bins('loss_bins') }}

select
    metric_date,
    model_name,
    model_version,
    label,
    cast(loss_bin as {{ dbt.type_bigint() }}) as loss_bin,
    {{ log_loss.loss_bin_value('loss_bin') }} as log_loss,
    labeled_count,
    loss_sum
from loss_bins
