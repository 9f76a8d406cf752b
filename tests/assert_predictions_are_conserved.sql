{#
    What: every prediction row ends as exactly one accepted or rejected entry, dated by
    its load date; the input and the roll-up are counted per model and load date.
    When it matters: a difference means rows that came in behind the lookback without a
    `loaded_at`, or rows deleted from the source since they were processed.
    How to resolve: restate from the earliest date returned, with
    `dbt run --select int_log_loss__rollup+ --vars '{log_loss_reprocess_from: DATE}'`.
    The last processed date is left out: rows may have arrived since the run.
#}
with

clock as (

    select max(recorded_date) as last_date
    from {{ ref('int_log_loss__rollup') }}
    where grain <> 'marker'

),

input_rows as (

    select
        model_name,
        recorded_date,
        count(*) as row_count
    from {{ ref('stg_log_loss__predictions') }}
    group by model_name, recorded_date

),

entries as (

    select
        model_name,
        recorded_date,
        sum(entry_count) as entry_count
    from {{ ref('int_log_loss__rollup') }}
    where grain = 'overall' and entry_type in ('prediction', 'rejection')
    group by model_name, recorded_date

)

select
    input_rows.row_count,
    entries.entry_count,
    coalesce(input_rows.model_name, entries.model_name) as model_name,
    coalesce(input_rows.recorded_date, entries.recorded_date) as recorded_date
from input_rows
full outer join entries
    on
        input_rows.model_name = entries.model_name
        and input_rows.recorded_date = entries.recorded_date
cross join clock
where
    coalesce(input_rows.row_count, 0) <> coalesce(entries.entry_count, 0)
    and coalesce(input_rows.recorded_date, entries.recorded_date) < clock.last_date
