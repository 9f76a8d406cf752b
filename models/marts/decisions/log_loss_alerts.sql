{%- set series = ['rule'] + log_loss.scope_columns() + ['label'] -%}
{%- set version = ['evaluation_date', 'model_name', 'model_version'] -%}
{%- set deployment_days = 14 -%}
{%- set text = dbt.type_string() %}

with

rises as (

    select * from {{ ref('int_log_loss__rises') }}

),

alerts as (

    select
        episodes.*,
        rises.rise_start_date,
        case
            when
                episodes.raised_finding = 'error'
                and episodes.rule in {{ log_loss.rules_with('may_page', true) }}
            then 'page'
            else 'ticket'
        end as severity,
        case
            when episodes.raised_finding = 'error'
            then coalesce(episodes.error_at, episodes.warn_at)
            else coalesce(episodes.warn_at, episodes.error_at)
        end as limit_value,
        case
            when
                episodes.evaluation_date >= episodes.first_alert_date
                and rises.rise_start_date < episodes.first_date
            then rises.rise_start_date
            else episodes.first_date
        end as suspected_date
    from {{ ref('int_log_loss__episodes') }} as episodes
    left join rises
        on
            episodes.first_alert_date = rises.first_alert_date
            and {{ log_loss.same_columns(series, 'episodes', 'rises') }}

),

-- the three cohorts that explain most ------------------------------------------------

ranked_cohorts as (

    select
        *,
        {{ dbt.concat([
            'cohort_name', "'='", 'cohort_value', "' '",
            'cast(cast(round(100 * contribution_share) as ' ~ dbt.type_int() ~ ') as '
            ~ text ~ ')',
            "' %'",
        ]) }} as cohort_text,
        row_number() over (
            partition by {{ version | join(', ') }}
            order by contribution desc, cohort_name asc, cohort_value asc
        ) as cohort_rank
    from {{ ref('int_log_loss__contributions') }}
    where
        contribution > 0
        and increase > 0
        and contribution_share is not null

),

top_cohorts as (

    select
        {{ version | join(',\n        ') }},
        {{ log_loss.first_three('cohort_text', 'cohort_rank') | indent(8) }}
            as top_cohorts
    from ranked_cohorts
    group by
        {{ version | join(',\n        ') }}

),

-- the last three deployments before -------------------------------------------------

ranked_deployments as (

    select
        alerts.evaluation_date,
        {% for column in series -%}
        alerts.{{ column }},
        {% endfor -%}
        {{ dbt.concat([
            'deployments.model_version', "' '", 'deployments.role', "' '",
            log_loss.date_text('cast(deployments.deployed_at as date)'),
        ]) }} as deployment_text,
        row_number() over (
            partition by
                alerts.evaluation_date,
                {% for column in series -%}
                alerts.{{ column }}{{ ',' if not loop.last }}
                {% endfor %}
            order by
                deployments.deployed_at desc,
                deployments.model_version asc,
                deployments.role asc
        ) as deployment_rank
    from alerts
    inner join {{ ref('stg_log_loss__deployments') }} as deployments
        on
            alerts.model_name = deployments.model_name
            and alerts.evaluation_date >= cast(deployments.deployed_at as date)
            and {{ log_loss.add_days('alerts.suspected_date', -deployment_days) }}
            <= cast(deployments.deployed_at as date)

),

recent_deployments as (

    select
        evaluation_date,
        {{ series | join(',\n        ') }},
        {{ log_loss.first_three('deployment_text', 'deployment_rank') | indent(8) }}
            as recent_deployments
    from ranked_deployments
    group by
        evaluation_date,
        {{ series | join(',\n        ') }}

)

select
    alerts.evaluation_date as alert_date,
    alerts.evaluation_date = clock.as_of_date as is_current,
    {% for column in series -%}
    alerts.{{ column }},
    {% endfor -%}
    alerts.severity,
    {{ dbt.concat([
        'alerts.severity', "'/'", 'alerts.rule', "'/'", 'alerts.model_name', "'/'",
        'alerts.model_version', "'/'", 'alerts.cohort_name', "'/'",
        'alerts.cohort_value', "'/'", 'alerts.label', "'/'",
        "case when alerts.may_be_older then 'ongoing' else "
        ~ log_loss.date_text('alerts.first_date') ~ ' end',
    ]) }} as dedupe_key,
    alerts.first_alert_date,
    alerts.last_date as last_alert_date,
    cast({{ log_loss.days_between(
        'alerts.first_alert_date', 'alerts.evaluation_date'
    ) }} as {{ dbt.type_bigint() }}) as days_open,
    alerts.suppression_reason is not null as is_suppressed,
    alerts.suppression_reason,
    alerts.window_start_date,
    alerts.window_end_date,
    alerts.value,
    alerts.limit_value,
    revisions.value_now,
    coalesce(revisions.value_now <= alerts.limit_value, 1 = 0) as is_revised,
    alerts.p_value,
    alerts.labeled_count,
    recent_deployments.recent_deployments,
    case
        when
            alerts.cohort_name = 'all'
            and alerts.label = 'all'
            and alerts.baseline_value is not null
            and alerts.rule in {{ log_loss.rules_with('has_loss_baseline', true) }}
        then top_cohorts.top_cohorts
    end as top_cohorts,
    cast(
        case
            when not alerts.may_be_older
            then {{ log_loss.days_between(
                'alerts.rise_start_date', 'alerts.first_alert_date'
            ) }}
        end as {{ dbt.type_bigint() }}
    ) as days_to_detect,
    {{ log_loss.runbook('alerts.rule') }} as runbook
from alerts
cross join {{ ref('int_log_loss__clock') }} as clock
left join top_cohorts
    on
        alerts.evaluation_date = top_cohorts.evaluation_date
        and alerts.model_name = top_cohorts.model_name
        and alerts.model_version = top_cohorts.model_version
left join recent_deployments
    on
        alerts.evaluation_date = recent_deployments.evaluation_date
        and {{ log_loss.same_columns(series, 'alerts', 'recent_deployments') }}
left join {{ ref('int_log_loss__revisions') }} as revisions
    on
        alerts.evaluation_date = revisions.evaluation_date
        and {{ log_loss.same_columns(series, 'alerts', 'revisions') }}
