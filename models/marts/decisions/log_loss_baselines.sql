-- What is normal: the baseline of each scope, and where it comes from.
with

baselines as (

    select
        *,
        max(as_of_date) over (
            partition by {{ log_loss.scope_columns() | join(', ') }}, label
        ) as last_as_of_date
    from {{ ref('int_log_loss__baselines') }}
    where measure = 'log_loss'

)

select
    {{ log_loss.scope_columns() | join(', ') }},
    label,
    as_of_date,
    measured_version as baseline_version,
    start_date as baseline_start_date,
    end_date as baseline_end_date,
    mean_value as mean_log_loss,
    value_stddev as log_loss_stddev,
    day_stddev,
    day_autocorrelation,
    row_count as labeled_count,
    day_count,
    source
from baselines
where as_of_date = last_as_of_date
