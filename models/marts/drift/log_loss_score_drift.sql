-- Whether the model answers as it used to.
with

drifts as (

    select drifts.*
    from {{ ref('int_log_loss__drifts') }} as drifts
    inner join {{ ref('int_log_loss__clock') }} as clock
        on drifts.as_of_date = clock.as_of_date
    where drifts.feature = '(score)'

),

windows as (

    select * from {{ ref('int_log_loss__drift_windows') }}

)

select
    drifts.metric_date,
    cast(drifts.window_days as {{ dbt.type_bigint() }}) as window_days,
    drifts.model_name,
    drifts.model_version,
    windows.reference_version,
    windows.reference_start_date,
    windows.reference_end_date,
    drifts.reference_count,
    drifts.prediction_count,
    drifts.cell_count,
    drifts.psi,
    drifts.psi_if_unchanged,
    drifts.jensen_shannon_distance
from drifts
inner join windows
    on {{ log_loss.same_columns([
        'model_name', 'model_version', 'metric_date', 'window_days', 'as_of_date'
    ], 'drifts', 'windows') }}
