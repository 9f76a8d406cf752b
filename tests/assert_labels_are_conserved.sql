{#
    What: every label event is effective, superseded, unmatched or rejected: on each
    load date the signed entries of these states add up to the events loaded.
    When it matters and how to resolve: as for assert_predictions_are_conserved.
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
    from {{ ref('stg_log_loss__labels') }}
    group by model_name, recorded_date

),

entries as (

    select
        model_name,
        recorded_date,
        sum(entry_count) as entry_count
    from {{ ref('int_log_loss__rollup') }}
    where grain = 'label_event'
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
