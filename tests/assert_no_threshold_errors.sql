-- What: fails while log_loss_threshold_status has a row with status `error`.
-- When it matters: a model's recent, mature probabilities are beyond a limit that
-- somebody set as unacceptable. It judges the window ending on the last mature day;
-- old breaches do not fail today's build.
-- How to resolve: read the page in the column `runbook`: what the rule means, which
-- queries to run first, what to do, and how to silence it properly.
{{ config(
    severity='error',
    tags=['log_loss_gate'],
    enabled=(var('log_loss_gates') != 'alerts'),
) }}
{%- set findings = log_loss.threshold_findings('error') %}

{{ log_loss.announce(findings) }}
{{ findings }}
