-- What: warns while log_loss_threshold_status has a row with status `warn`.
-- When it matters: a model's recent, mature probabilities are beyond a limit that
-- somebody asked to hear about.
-- How to resolve: as for assert_no_threshold_errors, with less haste.
{{ config(severity='warn', tags=['log_loss_gate']) }}
{%- set findings %}
select
    runbook,
    status as severity,
    rule,
    model_name,
    model_version,
    cohort_name,
    cohort_value,
    label,
    window_start_date,
    window_end_date,
    value,
    warn_at as limit_value,
    ci_lower,
    ci_upper,
    baseline_value,
    p_value,
    sample_count,
    label_coverage
from {{ ref('log_loss_threshold_status') }}
where status = 'warn'
{%- endset %}

{{ log_loss.announce(findings) }}
{{ findings }}
