{#
    The windows that end with the last evaluated day: those of the error budget. The longest
    is also the one that a trend is fitted to.
#}
{% macro window_lengths() %}
    {%- set budget = log_loss.configuration().error_budget -%}
    {%- set windows = [] -%}
    {%- for days in [
        budget.page.long_days, budget.page.short_days, budget.ticket.long_days,
        budget.ticket.short_days, budget.days,
    ] | unique | sort -%}
        {%- do windows.append({'name': log_loss.window_name(days), 'days': days}) -%}
    {%- endfor -%}
    {{- return(windows) -}}
{% endmacro %}


{# What the window of so many days is called. #}
{% macro window_name(days) -%}
last_{{ days }}_days
{%- endmacro %}


{#
    Further conditions of a join or a filter: that a date lies within a baseline of fixed
    dates; none where `log_loss_baseline` names no dates.
#}
{% macro and_in_fixed_baseline(date) -%}
    {%- set baseline = log_loss.configuration().baseline -%}
    {%- if baseline.start_date -%}
and {{ date }}
            between {{ log_loss.date_literal(baseline.start_date) }}
            and {{ log_loss.date_literal(baseline.end_date) }}
    {%- endif -%}
{%- endmacro %}


{#
    Since when each version that `log_loss_deployments` names was tried, and since when it
    served, as a query: one row per version with a dated deployment. `tried_on` is the UTC
    date of its first deployment as a canary or a shadow, `adopted_on` that of its first
    one to serve; null without.
#}
{% macro version_trials() -%}
    select
        model_name,
        model_version,
        min(case when role in ('canary', 'shadow') then cast(deployed_at as date) end)
            as tried_on,
        min(case when role = 'serving' then cast(deployed_at as date) end) as adopted_on
    from {{ ref('stg_log_loss__deployments') }}
    where deployed_at is not null
    group by
        model_name,
        model_version
{%- endmacro %}


{#
    1 where a version had been a canary or a shadow by a date, and no more; 0 otherwise, and
    where nobody declared it. A young version borrows its past from such a one last.

    trials: a left join of version_trials().
#}
{% macro was_only_tried(trials, date) -%}
case
    when
        {{ trials }}.tried_on <= {{ date }}
        and coalesce({{ trials }}.adopted_on > {{ date }}, 1 = 1)
    then 1
    else 0
end
{%- endmacro %}
