-- What was predicted beside what came true, over all scores.
with

entries as (

    {{ log_loss.ledger_rows(['score_bin']) }}

),

label_sums as (

    select
        metric_date,
        model_name,
        model_version,
        label,
        predicted_label,
        sum(entry_count) as labeled_count,
        sum(loss_sum) as loss_sum
    from entries
    where label is not null
    group by
        metric_date,
        model_name,
        model_version,
        label,
        predicted_label

)

select
    metric_date,
    model_name,
    model_version,
    label,
    predicted_label,
    cast(labeled_count as {{ dbt.type_bigint() }}) as labeled_count,
    -- rounding may leave a sum of losses below zero
    case when loss_sum < 0 then {{ log_loss.double(0) }} else loss_sum end as loss_sum
from label_sums
-- labels that were all taken back leave a count of 0
where labeled_count > 0
