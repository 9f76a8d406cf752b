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
    on
        drifts.model_name = windows.model_name
        and drifts.model_version = windows.model_version
        and drifts.metric_date = windows.metric_date
        and drifts.window_days = windows.window_days
        and drifts.as_of_date = windows.as_of_date
