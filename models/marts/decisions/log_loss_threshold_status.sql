with

measured as (

    select * from {{ ref('int_log_loss__threshold_values') }}

),

thresholds as (

    select * from {{ ref('stg_log_loss__thresholds') }}

),

suppressions as (

    select * from {{ ref('stg_log_loss__suppressions') }}

),

suppressed_windows as (

    select distinct
        measured.rule,
        {{ log_loss.scope_columns('measured') | join(',\n        ') }},
        measured.label
    from measured
    inner join suppressions
        on
            suppressions.model_name in (measured.model_name, '*')
            and cast(suppressions.starts_at as date) <= measured.window_end_date
            and (
                suppressions.ends_at is null
                or cast(suppressions.ends_at as date) >= measured.window_start_date
            )

),

-- the most specific row wins: model before cohort value, cohort and label
matched as (

    select
        measured.*,
        thresholds.warn_at,
        thresholds.error_at,
        thresholds.min_labeled_count,
        thresholds.min_coverage,
        row_number() over (
            partition by
                measured.rule,
                {{ log_loss.scope_columns('measured') | join(',\n                ') }},
                measured.label
            order by
                case when thresholds.model_name = '*' then 1 else 0 end,
                case when thresholds.cohort_value = '*' then 1 else 0 end,
                case when thresholds.cohort_name = '*' then 1 else 0 end,
                case when thresholds.label = '*' then 1 else 0 end
        ) as specificity_rank
    from measured
    inner join thresholds
        on
            measured.rule = thresholds.rule
            and thresholds.model_name in (measured.model_name, '*')
            and thresholds.cohort_name in (measured.cohort_name, '*')
            and thresholds.cohort_value in (measured.cohort_value, '*')
            and thresholds.label in (measured.label, '*')

),

judged as (

    select
        *,
        {{ log_loss.limit_sign() }} as sign
    from matched
    where specificity_rank = 1

),

breaches as (

    select
        *,
        case
            when is_immature then 'immature'
            when
                judged_value is null
                or sample_count < min_labeled_count
                or (
                    rule in {{ log_loss.rules_with('has_coverage', true) }}
                    and coalesce(label_coverage, 0) < min_coverage
                )
            then 'insufficient_data'
            -- written so that a NaN is a breach on every engine
            when error_at is not null and not (sign * judged_value <= sign * error_at)
            then 'error'
            when warn_at is not null and not (sign * judged_value <= sign * warn_at)
            then 'warn'
            -- a bound from below can show a breach, and never that there is none
            when is_lower_bound then 'insufficient_data'
            else 'ok'
        end as verdict
    from judged

)

select
    breaches.rule,
    {{ log_loss.scope_columns('breaches') | join(',\n    ') }},
    breaches.label,
    breaches.window_start_date,
    breaches.window_end_date,
    breaches.value,
    breaches.sample_count,
    breaches.labeled_count,
    breaches.label_coverage,
    breaches.ci_lower,
    breaches.ci_upper,
    breaches.judged_value,
    breaches.warn_at,
    breaches.error_at,
    breaches.min_labeled_count,
    breaches.min_coverage,
    case
        when
            breaches.verdict in ('warn', 'error')
            and suppressed_windows.rule is not null
        then 'suppressed'
        else breaches.verdict
    end as status
from breaches
left join suppressed_windows
    on
        breaches.rule = suppressed_windows.rule
        and {{ log_loss.same_scope('breaches', 'suppressed_windows') }}
        and breaches.label = suppressed_windows.label
