-- What: fails while a canary that is still deployed has the decision `rollback`; no
-- suppression changes that, and a canary with `retired_at` is none.
-- When it matters: before it gets more traffic. As a gate in the job that deploys:
-- `dbt build --selector canary_gate`. No decision yet is no failure; a job that wants
-- one asks log_loss_version_comparison for `promote`.
-- How to resolve: roll the canary back, give it a `retired_at`, then read the page in
-- the column `runbook`. `value` is the difference when that was decided.
{{ config(severity='error', tags=['log_loss_gate', 'log_loss_canary_gate']) }}
{%- set findings %}
select distinct
    {{ log_loss.runbook("'canary_difference'") }} as runbook,
    comparisons.decision as severity,
    'canary_difference' as rule,
    comparisons.model_name,
    comparisons.candidate_version as model_version,
    'all' as cohort_name,
    'all' as cohort_value,
    'all' as label,
    comparisons.baseline_version,
    comparisons.method,
    clock.as_of_date as alert_date,
    comparisons.first_decision_date as first_alert_date,
    comparisons.difference as value,
    comparisons.rollback_margin as limit_value,
    comparisons.sequence_half_width,
    comparisons.candidate_labeled_count
from {{ ref('log_loss_version_comparison') }} as comparisons
inner join {{ ref('int_log_loss__clock') }} as clock
    on comparisons.as_of_date <= clock.as_of_date
inner join {{ ref('stg_log_loss__deployments') }} as deployments
    on
        comparisons.model_name = deployments.model_name
        and comparisons.candidate_version = deployments.model_version
        and comparisons.role = deployments.role
        and (
            deployments.retired_at is null
            or cast(deployments.retired_at as date) > clock.as_of_date
        )
where
    comparisons.role = 'canary'
    and comparisons.decision = 'rollback'
    -- the decision stands in every look since; the first one says why
    and comparisons.as_of_date = comparisons.first_decision_date
{%- endset %}

{{ log_loss.announce(findings) }}
{{ findings }}
