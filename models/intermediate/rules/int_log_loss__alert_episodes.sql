{%- set series = ['rule'] + log_loss.scope_columns() + ['label'] -%}
{%- set episode = 'partition by ' ~ series | join(', ') ~ ', episode_number' -%}
{#- an alert goes on over so many days without it, or so many without an evaluation -#}
{%- set quiet_days = 7 -%}
{%- set unseen_days = 28 %}

with

statuses as (

    select
        *,
        status in ('warn', 'error') as is_proven
    from {{ ref('int_log_loss__rule_statuses') }}
    where status in ('warn', 'error') or unproven_status in ('warn', 'error')

),

suppressions as (

    select * from {{ ref('stg_log_loss__suppressions') }}

),

suppressed_verdicts as (

    select
        statuses.as_of_date,
        {% for column in series -%}
        statuses.{{ column }},
        {% endfor -%}
        min(coalesce(suppressions.reason, 'no reason given')) as reason
    from statuses
    inner join suppressions
        on {{ log_loss.is_suppressed('statuses', 'suppressions') }}
    group by
        statuses.as_of_date,
        {% for column in series -%}
        statuses.{{ column }}{{ ',' if not loop.last }}
        {% endfor %}

),

-- a scope whose labels come later than they should: its losses are those of the labels
-- that come early
delayed_scopes as (

    select distinct
        as_of_date,
        {{ log_loss.scope_columns() | join(', ') }}
    from statuses
    where
        (rule = 'label_coverage' and is_proven)
        or (rule = 'label_coverage_drop' and status = 'error')

),

raised as (

    select
        statuses.*,
        case
            when statuses.is_proven then statuses.status
            else statuses.unproven_status
        end as raised_status,
        case
            when suppressed_verdicts.rule is not null
            then {{ dbt.concat(["'suppressed: '", 'suppressed_verdicts.reason']) }}
            when
                delayed_scopes.model_name is not null
                and statuses.rule in {{ log_loss.rules_with('has_coverage', true) }}
            then 'label delay'
            when
                not statuses.is_proven
                and coalesce(statuses.label_coverage, 1) < statuses.min_coverage
            then 'low label coverage'
            when not statuses.is_proven then 'small sample'
        end as suppression_reason
    from statuses
    left join suppressed_verdicts
        on
            statuses.as_of_date = suppressed_verdicts.as_of_date
            and {{ log_loss.same_columns(
                series, 'statuses', 'suppressed_verdicts'
            ) }}
    left join delayed_scopes
        on
            statuses.as_of_date = delayed_scopes.as_of_date
            and {{ log_loss.same_scope('statuses', 'delayed_scopes') }}

),

ordered as (

    select
        *,
        lag(as_of_date) over (
            partition by {{ series | join(', ') }}
            order by as_of_date
        ) as previous_date
    from raised

),

history as (

    select min(as_of_date) as earliest_date
    from {{ ref('int_log_loss__as_of_dates') }}

),

first_rows as (

    select
        {{ log_loss.scope_columns() | join(', ') }},
        min(known_from) as first_known_date
    from {{ ref('int_log_loss__day_states') }}
    group by
        {{ log_loss.scope_columns() | join(', ') }}

),

numbered as (

    select
        *,
        sum(
            case
                when {{ log_loss.days_between('previous_date', 'as_of_date') }}
                    <= {{ quiet_days }}
                then 0
                when
                    coalesce(previous_as_of_date, previous_date) <= previous_date
                    and {{ log_loss.days_between('previous_date', 'as_of_date') }}
                    <= {{ unseen_days }}
                then 0
                else 1
            end
        ) over (
            partition by {{ series | join(', ') }}
            order by as_of_date
            rows between unbounded preceding and current row
        ) as episode_number
    from ordered

),

spans as (

    select
        *,
        min(as_of_date) over ({{ episode }}) as first_date,
        max(as_of_date) over ({{ episode }}) as last_date,
        min(coalesce(previous_as_of_date, {{ log_loss.undated() }})) over (
            {{ episode }}
        ) as first_previous_as_of_date,
        min(case when suppression_reason is null then as_of_date end) over (
            {{ episode }}
        ) as first_alert_date
    from numbered

)

select
    {% for column in series -%}
    spans.{{ column }},
    {% endfor -%}
    spans.episode_number,
    spans.as_of_date,
    spans.window_start_date,
    spans.window_end_date,
    spans.value,
    spans.evaluated_value,
    spans.baseline_value,
    spans.p_value,
    spans.sample_count,
    spans.labeled_count,
    spans.warn_at,
    spans.error_at,
    spans.raised_status,
    spans.suppression_reason,
    spans.first_date,
    spans.last_date,
    spans.first_alert_date,
    -- it may have begun before the first date that was evaluated
    coalesce(first_rows.first_known_date, {{ log_loss.undated() }})
    < history.earliest_date
    and (
        spans.first_date
        <= {{ log_loss.add_days('history.earliest_date', quiet_days) }}
        or (
            spans.first_previous_as_of_date = {{ log_loss.undated() }}
            and spans.first_date
            <= {{ log_loss.add_days('history.earliest_date', unseen_days) }}
        )
    ) as may_be_older
from spans
cross join history
left join first_rows
    on {{ log_loss.same_scope('spans', 'first_rows') }}
