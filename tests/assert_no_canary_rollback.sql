-- What: fails while a canary that is still deployed has the decision `rollback`; no
-- suppression changes that, and a canary with `retired_at` is none.
-- When it matters: before it gets more traffic. As a gate in the job that deploys:
-- `dbt build --selector canary_gate`. No decision yet is no failure; a job that wants
-- one asks log_loss_version_comparison for `promote`.
-- How to resolve: roll the canary back, give it a `retired_at`, then read the page in
-- the column `runbook`. `value` is the difference when that was decided.
-- It prints the decision of each canary, or that no canary is known.
{{ config(severity='error', tags=['log_loss_gate', 'log_loss_canary_gate']) }}
{%- set deployed -%}
{{ ref('stg_log_loss__deployments') }} as deployments
inner join {{ ref('int_log_loss__clock') }} as clock
    on
        deployments.role = 'canary'
        and cast(deployments.deployed_at as date) <= clock.as_of_date
        and (
            deployments.retired_at is null
            or cast(deployments.retired_at as date) > clock.as_of_date
        )
{%- endset -%}
{%- set comparison_of_deployment -%}
deployments.model_name = comparisons.model_name
        and deployments.model_version = comparisons.candidate_version
        and deployments.role = comparisons.role
        and comparisons.as_of_date <= clock.as_of_date
{%- endset -%}
{#- the last look at each, which has the decision that stands -#}
{%- set canaries %}
with

looks as (

    select
        deployments.model_name,
        deployments.model_version as candidate_version,
        comparisons.serving_version,
        comparisons.method,
        coalesce(comparisons.decision, 'not_compared_yet') as decision,
        comparisons.difference,
        comparisons.sequence_half_width,
        comparisons.labels_still_needed,
        comparisons.as_of_date as last_look_date,
        clock.as_of_date,
        row_number() over (
            partition by
                deployments.model_name,
                deployments.model_version,
                comparisons.serving_version,
                comparisons.method
            order by comparisons.metric_date desc
        ) as recency_rank
    from {{ deployed }}
    left join {{ ref('log_loss_version_comparison') }} as comparisons
        on {{ comparison_of_deployment }}

)

select * from looks
where recency_rank = 1
order by model_name, candidate_version, serving_version, method
{%- endset -%}
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
    comparisons.serving_version,
    comparisons.method,
    clock.as_of_date,
    comparisons.first_decision_date as first_alert_date,
    comparisons.difference as value,
    -- the whole interval was beyond the limit
    comparisons.difference - comparisons.sequence_half_width as evaluated_value,
    comparisons.rollback_margin as limit_value,
    comparisons.sequence_half_width,
    comparisons.candidate_labeled_count
from {{ deployed }}
inner join {{ ref('log_loss_version_comparison') }} as comparisons
    on {{ comparison_of_deployment }}
where
    comparisons.decision = 'rollback'
    -- the decision stands in every look since; the first one says why
    and comparisons.as_of_date = comparisons.first_decision_date
{%- endset %}

{{ log_loss.announce_canaries(canaries) }}
{{ log_loss.announce(findings) }}
{{ findings }}
