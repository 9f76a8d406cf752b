-- What: every prediction row ends as exactly one accepted or rejected entry, and every
-- label event as effective, superseded, unmatched or rejected: per model and load
-- date the signed entries add up to the rows that the ledger read.
-- When it matters: never, unless rows were changed in place in a source, so that the
-- ledger posted something that it can no longer take back.
-- How to resolve: rebuild with
-- `dbt build --full-refresh --select int_log_loss__ledger+`; if it stays, please
-- report it with the returned rows.
with

counted as (

    select
        model_name,
        -- a label event changes its state later, and keeps its load date
        case when grain = 'label_event' then metric_date else recorded_date end
            as loaded_on,
        case
            when grain = 'label_event' or entry_type = 'label_row' then 'labels'
            else 'predictions'
        end as source,
        case when grain = 'input' then entry_count else 0 end as row_count,
        case when grain = 'input' then 0 else entry_count end as entry_count
    from {{ ref('int_log_loss__ledger') }}
    where
        grain in ('input', 'label_event')
        or (grain = 'overall' and entry_type in ('prediction', 'rejection'))

),

totals as (

    select
        source,
        model_name,
        loaded_on,
        sum(row_count) as total_row_count,
        sum(entry_count) as total_entry_count
    from counted
    group by source, model_name, loaded_on

)

select
    source,
    model_name,
    loaded_on,
    total_row_count,
    total_entry_count
from totals
where total_row_count <> total_entry_count
