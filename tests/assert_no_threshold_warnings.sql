-- What: warns while log_loss_threshold_status has a row with status `warn`.
-- When it matters: a model's recent, mature probabilities are beyond a limit that
-- somebody asked to hear about.
-- How to resolve: as for assert_no_threshold_errors, with less haste.
{{ config(severity='warn') }}

select
    rule,
    model_name,
    model_version,
    cohort_name,
    cohort_value,
    label,
    window_start_date,
    window_end_date,
    value,
    ci_lower,
    ci_upper,
    sample_count,
    label_coverage,
    warn_at,
    error_at,
    status
from {{ ref('log_loss_threshold_status') }}
where status = 'warn'
