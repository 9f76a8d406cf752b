with

verdicts as (

    select verdicts.*
    from {{ ref('int_log_loss__verdicts') }} as verdicts
    inner join {{ ref('int_log_loss__clock') }} as clock
        on verdicts.evaluation_date = clock.as_of_date

),

suppressions as (

    select * from {{ ref('stg_log_loss__suppressions') }}

),

suppressed_windows as (

    select distinct
        verdicts.rule,
        {{ log_loss.scope_columns('verdicts') | join(',\n        ') }},
        verdicts.label
    from verdicts
    inner join suppressions
        on {{ log_loss.is_suppressed('verdicts', 'suppressions') | indent(8) }}

)

select
    verdicts.rule,
    {{ log_loss.scope_columns('verdicts') | join(',\n    ') }},
    verdicts.label,
    verdicts.window_start_date,
    verdicts.window_end_date,
    verdicts.value,
    verdicts.sample_count,
    verdicts.labeled_count,
    verdicts.label_coverage,
    verdicts.ci_lower,
    verdicts.ci_upper,
    verdicts.judged_value,
    verdicts.baseline_value,
    verdicts.p_value,
    verdicts.z_rows,
    verdicts.z_days,
    verdicts.minimum_detectable,
    verdicts.warn_at,
    verdicts.error_at,
    verdicts.min_labeled_count,
    verdicts.min_coverage,
    case
        when
            verdicts.verdict in ('warn', 'error')
            and suppressed_windows.rule is not null
        then 'suppressed'
        else verdicts.verdict
    end as status,
    {{ log_loss.runbook('verdicts.rule') }} as runbook
from verdicts
left join suppressed_windows
    on
        verdicts.rule = suppressed_windows.rule
        and {{ log_loss.same_scope('verdicts', 'suppressed_windows') }}
        and verdicts.label = suppressed_windows.label
