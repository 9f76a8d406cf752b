-- What: warns while log_loss_alerts has a ticket on the as-of date that nothing
-- suppresses.
-- When it matters: somebody should look this week.
-- How to resolve: as for assert_no_pages.
{{ config(
    severity='warn',
    tags=['log_loss_gate'],
    enabled=(var('log_loss_gates') == 'alerts'),
) }}
{%- set findings = log_loss.open_alerts('ticket') %}

{{ log_loss.announce(findings) }}
{{ findings }}
