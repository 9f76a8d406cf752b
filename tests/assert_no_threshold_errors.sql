-- What: fails while log_loss_threshold_status has a row with status `error`.
-- When it matters: a model's recent, mature probabilities are beyond a limit that
-- somebody set as unacceptable. It judges the window ending on the last mature day;
-- old breaches do not fail today's build.
-- How to resolve: read the page in the column `runbook`: what the rule means, which
-- queries to run first, what to do, and how to silence it properly.
{{ config(severity='error', tags=['log_loss_gate']) }}
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
    error_at as limit_value,
    ci_lower,
    ci_upper,
    baseline_value,
    p_value,
    sample_count,
    label_coverage
from {{ ref('log_loss_threshold_status') }}
where status = 'error'
{%- endset %}

{{ log_loss.announce(findings) }}
{{ findings }}
