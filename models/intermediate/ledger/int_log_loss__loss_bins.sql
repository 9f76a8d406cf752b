with

entries as (

    {{ log_loss.rollup_rows(['loss_bin']) }}

),

summed as (

    select
        metric_date,
        model_name,
        model_version,
        label,
        bin as loss_bin,
        sum(entry_count) as labeled_count,
        sum(loss_sum) as loss_sum
    from entries
    group by
        metric_date,
        model_name,
        model_version,
        label,
        bin

)

select
    metric_date,
    model_name,
    model_version,
    label,
    loss_bin,
    cast(labeled_count as {{ dbt.type_bigint() }}) as labeled_count,
    case when loss_sum < 0 then {{ log_loss.double(0) }} else loss_sum end as loss_sum
from summed
where labeled_count > 0
