-- What: warns while log_loss_threshold_status has a row with status `warn`.
-- When it matters: a model's recent, mature probabilities are beyond a limit that
-- somebody asked to hear about.
-- How to resolve: as for assert_no_threshold_errors, with less haste.
{{ config(
    severity='warn',
    tags=['log_loss_gate'],
    enabled=(var('log_loss_gates') != 'alerts'),
) }}
{%- set findings = log_loss.threshold_findings('warn') %}

{{ log_loss.announce(findings) }}
{{ findings }}
