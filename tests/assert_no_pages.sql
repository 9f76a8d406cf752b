-- What: fails while log_loss_alerts has a page on the as-of date that nothing
-- suppresses.
-- When it matters: somebody should look now. Errors of rules that only open tickets do
-- not fail this test; assert_no_threshold_errors has those too.
-- How to resolve: read the page in the column `runbook`; `top_cohorts` says where it
-- comes from, `recent_deployments` what changed before it.
{{ config(
    severity='error',
    tags=['log_loss_gate'],
    enabled=(var('log_loss_gates') == 'alerts'),
) }}
{%- set findings = log_loss.open_alerts('page') %}

{{ log_loss.announce(findings) }}
{{ findings }}
