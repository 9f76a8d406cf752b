-- What: fails while log_loss_threshold_status has a row with status `error`.
-- When it matters: a model's recent, mature probabilities are beyond a limit that
-- somebody set as unacceptable. It judges the window ending on the last mature day;
-- old breaches do not fail today's build.
-- How to resolve: read the returned rows: rule, scope, value and limit. Look at the
-- days behind them in log_loss_daily and log_loss_daily_by_cohort, and at the rows in
-- log_loss_scored_predictions. If the cause is known and temporary, add a row to the
-- suppressions; if the limit is wrong, change the thresholds.
{{ config(severity='error') }}

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
where status = 'error'
