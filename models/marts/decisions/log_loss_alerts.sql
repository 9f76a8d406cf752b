{%- set series = ['rule'] + log_loss.scope_columns() + ['label'] -%}
{%- set alert = ['as_of_date'] + series -%}
{%- set run = series + ['first_alert_date'] -%}
{%- set version = ['as_of_date', 'model_name', 'model_version'] -%}
{%- set deployment_days = 14 -%}
{%- set text = dbt.type_string() -%}
{%- set budget = log_loss.configuration().error_budget -%}
{#- of several windows the lowest value counts -#}
{%- set rule_windows = [] -%}
{%- for rule in log_loss.threshold_rules() if rule.revised_over -%}
    {%- set days = budget.get(rule.revised_over) -%}
    {%- set windows = ['evaluation'] if days is none else [
        log_loss.window_name(days.long_days), log_loss.window_name(days.short_days)
    ] -%}
    {%- for window in windows -%}
        {%- do rule_windows.append((rule.name, window)) -%}
    {%- endfor -%}
{%- endfor -%}
-- What each rule would have told somebody, day by day.
with

-- where the rise behind an alert began ----------------------------------------------

-- as known on the first date of an alert that has a baseline
first_alerts as (

    select
        {{ run | join(', ') }},
        window_end_date,
        baseline_value,
        {{ log_loss.loss_allowance('baseline_value') }} as allowance
    from {{ ref('int_log_loss__alert_episodes') }}
    where
        as_of_date = first_alert_date
        and rule in {{ log_loss.rules_with('has_loss_baseline', true) }}
        and baseline_value is not null

),

days_before as (

    select
        {% for column in run -%}
        first_alerts.{{ column }},
        {% endfor -%}
        first_alerts.baseline_value,
        first_alerts.allowance,
        day_states.metric_date,
        day_states.loss_sum / day_states.labeled_count as day_mean
    from first_alerts
    inner join {{ ref('int_log_loss__day_states') }} as day_states
        on
            {{ log_loss.same_scope('first_alerts', 'day_states') }}
            and first_alerts.label = day_states.label
            and first_alerts.first_alert_date >= day_states.known_from
            and first_alerts.first_alert_date < day_states.known_until
            and first_alerts.window_end_date >= day_states.metric_date
    where day_states.labeled_count > 0

),

-- how far the days up to here are above half of what is allowed, added up
excesses as (

    select
        *,
        sum(day_mean - baseline_value - allowance / 2) over (
            partition by {{ run | join(', ') }}
            order by metric_date
            rows between unbounded preceding and current row
        ) as excess_so_far,
        lead(metric_date) over (
            partition by {{ run | join(', ') }}
            order by metric_date
        ) as next_date
    from days_before

),

ranked_excesses as (

    select
        *,
        min(metric_date) over (
            partition by {{ run | join(', ') }}
        ) as earliest_date,
        row_number() over (
            partition by {{ run | join(', ') }}
            order by excess_so_far asc, metric_date desc
        ) as lowest_rank
    from excesses

),

-- the day after the one at which that sum is lowest (Page's CUSUM); none where that is
-- the last one, as the rise is over again
rises as (

    select
        {{ run | join(', ') }},
        case when excess_so_far > 0 then earliest_date else next_date end
            as rise_start_date
    from ranked_excesses
    where lowest_rank = 1

),

alerts as (

    select
        episodes.*,
        rises.rise_start_date,
        case
            when
                episodes.raised_status = 'error'
                and episodes.rule in {{ log_loss.rules_with('may_page', true) }}
            then 'page'
            else 'ticket'
        end as severity,
        {{ log_loss.breached_limit('raised_status', 'episodes') }} as limit_value,
        case
            when
                episodes.as_of_date >= episodes.first_alert_date
                and rises.rise_start_date < episodes.first_date
            then rises.rise_start_date
            else episodes.first_date
        end as suspected_date
    from {{ ref('int_log_loss__alert_episodes') }} as episodes
    left join rises
        on
            episodes.first_alert_date = rises.first_alert_date
            and {{ log_loss.same_columns(series, 'episodes', 'rises') }}

),

-- what the value has become: the same days with the labels that are known today ------

rule_windows as (

    {% for rule, window in rule_windows -%}
    select
        '{{ rule }}' as rule,
        '{{ window }}' as window_name
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- the days are those that were evaluated, and the baseline is the one known then
means_now as (

    select
        {% for column in alert -%}
        alerts.{{ column }},
        {% endfor -%}
        alerts.baseline_value,
        rule_windows.window_name,
        {{ log_loss.safe_divide(
            'sum(day_states.loss_sum)', 'sum(day_states.labeled_count)'
        ) }} as mean_log_loss
    from alerts
    inner join rule_windows
        on alerts.rule = rule_windows.rule
    inner join {{ ref('int_log_loss__evaluation_days') }} as evaluation_days
        on
            rule_windows.window_name = evaluation_days.window_name
            and alerts.as_of_date = evaluation_days.as_of_date
            and {{ log_loss.same_scope('alerts', 'evaluation_days') }}
    inner join {{ ref('int_log_loss__day_states') }} as day_states
        on
            {{ log_loss.same_scope('evaluation_days', 'day_states') }}
            and alerts.label = day_states.label
            and evaluation_days.metric_date = day_states.metric_date
    where day_states.known_until = {{ log_loss.far_date() }}
    group by
        {% for column in alert -%}
        alerts.{{ column }},
        {% endfor -%}
        alerts.baseline_value,
        rule_windows.window_name

),

revisions as (

    select
        {{ alert | join(', ') }},
        min(
            case
                when rule in ('fast_burn_rate', 'slow_burn_rate')
                then
                    (mean_log_loss - baseline_value)
                    / {{ log_loss.loss_allowance('baseline_value') }}
                when baseline_value is not null
                then {{ log_loss.safe_divide(
                    'mean_log_loss - baseline_value', 'baseline_value'
                ) }}
                else mean_log_loss
            end
        ) as value_now
    from means_now
    group by
        {{ alert | join(', ') }}

),

-- the three cohorts that explain most ------------------------------------------------

comparisons as (

    select * from {{ ref('int_log_loss__baseline_comparisons') }}
    where measure = 'log_loss' and window_name = 'evaluation' and label = 'all'

),

-- each cohort's share of the labels times its own rise; with the remainder they add up
-- to the whole rise, for each cohort column anew
cohort_parts as (

    select
        {% for column in version -%}
        cohorts.{{ column }},
        {% endfor -%}
        cohorts.cohort_name,
        cohorts.cohort_value,
        versions.increase,
        {{ log_loss.safe_divide('cohorts.row_count', 'versions.row_count') }}
        * cohorts.increase as contribution
    from comparisons as cohorts
    inner join comparisons as versions
        on {{ log_loss.same_columns(version, 'cohorts', 'versions') }}
    where
        cohorts.cohort_name <> 'all'
        and versions.cohort_name = 'all'

),

-- what cohorts do not explain by themselves: another mix of them, cohorts without a
-- baseline, and days on which only some of them are mature
remainders as (

    select
        {{ version | join(', ') }},
        cohort_name,
        '(mix)' as cohort_value,
        increase,
        increase - sum(contribution) as contribution
    from cohort_parts
    group by
        {{ version | join(', ') }},
        cohort_name,
        increase

),

contributions as (

    select * from cohort_parts

    union all

    select * from remainders

),

-- a share of nothing is none
shares as (

    select
        *,
        {{ log_loss.safe_divide('contribution', 'increase') }} as contribution_share
    from contributions
    where
        contribution > 0
        and increase > {{ log_loss.double('1e-6') }}

),

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
    from shares

),

top_cohorts as (

    select
        {{ version | join(', ') }},
        {{ log_loss.first_three('cohort_text', 'cohort_rank') }}
            as top_cohorts
    from ranked_cohorts
    group by
        {{ version | join(', ') }}

),

-- the last three deployments before -------------------------------------------------

ranked_deployments as (

    select
        {% for column in alert -%}
        alerts.{{ column }},
        {% endfor -%}
        {{ dbt.concat([
            'deployments.model_version', "' '", 'deployments.role', "' '",
            log_loss.date_text('cast(deployments.deployed_at as date)'),
        ]) }} as deployment_text,
        row_number() over (
            partition by
                {% for column in alert -%}
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
            and alerts.as_of_date >= cast(deployments.deployed_at as date)
            and {{ log_loss.add_days('alerts.suspected_date', -deployment_days) }}
            <= cast(deployments.deployed_at as date)

),

recent_deployments as (

    select
        {{ alert | join(', ') }},
        {{ log_loss.first_three('deployment_text', 'deployment_rank') }}
            as recent_deployments
    from ranked_deployments
    group by {{ alert | join(', ') }}

)

select
    alerts.as_of_date as alert_date,
    alerts.as_of_date = clock.as_of_date as is_current,
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
        'alerts.first_alert_date', 'alerts.as_of_date'
    ) }} as {{ dbt.type_bigint() }}) as days_open,
    alerts.suppression_reason is not null as is_suppressed,
    alerts.suppression_reason,
    alerts.window_start_date,
    alerts.window_end_date,
    alerts.value,
    alerts.evaluated_value,
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
        alerts.as_of_date = top_cohorts.as_of_date
        and alerts.model_name = top_cohorts.model_name
        and alerts.model_version = top_cohorts.model_version
left join recent_deployments
    on {{ log_loss.same_columns(alert, 'alerts', 'recent_deployments') }}
left join revisions
    on {{ log_loss.same_columns(alert, 'alerts', 'revisions') }}
