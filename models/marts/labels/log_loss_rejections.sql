-- What was turned away, and why.
with

entries as (

    {{ log_loss.ledger_rows(['overall', 'label_event']) }}

),

counted as (

    select
        metric_date,
        model_name,
        model_version,
        case when grain = 'label_event' then 'labels' else 'predictions' end as source,
        coalesce(reason, entry_type) as reason,
        entry_count
    from entries
    where entry_type in ('rejection', 'unmatched')

    union all

    select
        metric_date,
        model_name,
        model_version,
        'predictions' as source,
        'label_before_prediction' as reason,
        label_before_prediction_count as entry_count
    from entries
    where entry_type in ('new', 'revised', 'withdrawn')

),

summed as (

    select
        metric_date,
        model_name,
        model_version,
        source,
        reason,
        sum(entry_count) as row_count
    from counted
    group by metric_date, model_name, model_version, source, reason

)

select
    metric_date,
    model_name,
    model_version,
    source,
    reason,
    cast(row_count as {{ dbt.type_bigint() }}) as row_count
from summed
where row_count <> 0
