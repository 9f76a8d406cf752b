-- Which limits hold now.
with

statuses as (

    select statuses.*
    from {{ ref('int_log_loss__rule_statuses') }} as statuses
    inner join {{ ref('int_log_loss__clock') }} as clock
        on statuses.as_of_date = clock.as_of_date

),

suppressions as (

    select * from {{ ref('stg_log_loss__suppressions') }}

),

suppressed_windows as (

    select distinct
        statuses.rule,
        {{ log_loss.scope_columns('statuses') | join(', ') }},
        statuses.label
    from statuses
    inner join suppressions
        on {{ log_loss.is_suppressed('statuses', 'suppressions') }}

)

select
    statuses.rule,
    {{ log_loss.scope_columns('statuses') | join(', ') }},
    statuses.label,
    statuses.as_of_date,
    statuses.window_start_date,
    statuses.window_end_date,
    statuses.value,
    statuses.sample_count,
    statuses.labeled_count,
    statuses.label_coverage,
    statuses.ci_lower,
    statuses.ci_upper,
    statuses.evaluated_value,
    statuses.baseline_value,
    statuses.p_value,
    statuses.z_rows,
    statuses.z_days,
    statuses.minimum_detectable,
    statuses.warn_at,
    statuses.error_at,
    statuses.min_labeled_count,
    statuses.min_coverage,
    case
        when
            statuses.status in ('warn', 'error')
            and suppressed_windows.rule is not null
        then 'suppressed'
        else statuses.status
    end as status,
    episodes.first_alert_date,
    {{ log_loss.runbook('statuses.rule') }} as runbook
from statuses
left join suppressed_windows
    on
        statuses.rule = suppressed_windows.rule
        and {{ log_loss.same_scope('statuses', 'suppressed_windows') }}
        and statuses.label = suppressed_windows.label
left join {{ ref('int_log_loss__alert_episodes') }} as episodes
    on
        statuses.as_of_date = episodes.as_of_date
        and statuses.rule = episodes.rule
        and {{ log_loss.same_scope('statuses', 'episodes') }}
        and statuses.label = episodes.label
