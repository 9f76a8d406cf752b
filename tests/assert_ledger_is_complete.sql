-- What: warns while a source holds another number of rows than the ledger has read,
-- per model and load date.
-- When it matters: rows came in behind the lookback without a `loaded_at`, or rows
-- were deleted since they were processed; the marts do not know.
-- How to resolve: run the returned `command`, which restates from the earliest of the
-- dates. Until then other tests may fail too: a revision that was seen takes back a
-- label that was not.
-- The last processed date is left out: rows may have arrived since the run.
{{ config(severity='warn', tags=['log_loss_full_scan']) }}

with

clock as (

    select max(recorded_date) as last_date
    from {{ ref('int_log_loss__ledger') }}
    where grain <> 'marker'

),

source_rows as (

    select
        'predictions' as source,
        model_name,
        recorded_date,
        count(*) as source_row_count
    from {{ ref('stg_log_loss__predictions') }}
    group by model_name, recorded_date

    union all

    select
        'labels' as source,
        model_name,
        recorded_date,
        count(*) as source_row_count
    from {{ ref('stg_log_loss__labels') }}
    group by model_name, recorded_date

),

processed_rows as (

    select
        model_name,
        recorded_date,
        entry_count as processed_row_count,
        case when entry_type = 'label_row' then 'labels' else 'predictions' end
            as source
    from {{ ref('int_log_loss__ledger') }}
    where grain = 'input'

),

differences as (

    select
        coalesce(source_rows.source_row_count, 0) as source_row_count,
        coalesce(processed_rows.processed_row_count, 0) as processed_row_count,
        coalesce(source_rows.source, processed_rows.source) as source,
        coalesce(source_rows.model_name, processed_rows.model_name) as model_name,
        coalesce(source_rows.recorded_date, processed_rows.recorded_date)
            as recorded_date
    from source_rows
    full outer join processed_rows
        on
            source_rows.source = processed_rows.source
            and source_rows.model_name = processed_rows.model_name
            and source_rows.recorded_date = processed_rows.recorded_date
    cross join clock
    where
        coalesce(source_rows.source_row_count, 0)
        <> coalesce(processed_rows.processed_row_count, 0)
        and coalesce(source_rows.recorded_date, processed_rows.recorded_date)
        < clock.last_date

)

select
    source,
    model_name,
    recorded_date,
    source_row_count,
    processed_row_count,
    {{ log_loss.restatement_command('min(recorded_date) over ()') }} as command
from differences
