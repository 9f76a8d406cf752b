{%- set budget = log_loss.configuration().error_budget -%}
{%- set alert = ['rule', 'evaluation_date'] + log_loss.scope_columns() + ['label'] -%}
{#- what each rule measures, over which windows; of several the lowest value counts -#}
{%- set windows = {
    'mean_log_loss': ['judged'],
    'cohort_log_loss': ['judged'],
    'class_log_loss': ['judged'],
    'mean_log_loss_increase': ['judged'],
    'cohort_log_loss_increase': ['judged'],
    'class_log_loss_increase': ['judged'],
    'fast_burn_rate': [
        log_loss.window_name(budget.page.long_days),
        log_loss.window_name(budget.page.short_days),
    ],
    'slow_burn_rate': [
        log_loss.window_name(budget.ticket.long_days),
        log_loss.window_name(budget.ticket.short_days),
    ],
} %}

with

rule_windows as (

    {% for rule, names in windows.items() -%}
    {% set is_last_rule = loop.last -%}
    {% for name in names -%}
    select
        '{{ rule }}' as rule,
        '{{ name }}' as window_name
    {{ 'union all' if not (is_last_rule and loop.last) }}
    {% endfor -%}
    {% endfor %}
),

alerts as (

    select
        {{ alert | join(',\n        ') }},
        baseline_value,
        {{ log_loss.loss_allowance('baseline_value') | indent(8) }} as allowance
    from {{ ref('int_log_loss__episodes') }}

),

-- the same days, with the labels that are known today
means as (

    select
        {% for column in alert -%}
        alerts.{{ column }},
        {% endfor -%}
        alerts.baseline_value,
        alerts.allowance,
        rule_windows.window_name,
        {{ log_loss.safe_divide(
            'sum(known_sums.loss_sum)', 'sum(known_sums.labeled_count)'
        ) }} as mean_log_loss
    from alerts
    inner join rule_windows
        on alerts.rule = rule_windows.rule
    inner join {{ ref('int_log_loss__evaluation_days') }} as evaluation_days
        on
            rule_windows.window_name = evaluation_days.window_name
            and alerts.evaluation_date = evaluation_days.evaluation_date
            and {{ log_loss.same_scope('alerts', 'evaluation_days') }}
    inner join {{ ref('int_log_loss__known_sums') }} as known_sums
        on
            {{ log_loss.same_scope('evaluation_days', 'known_sums') }}
            and alerts.label = known_sums.label
            and evaluation_days.metric_date = known_sums.metric_date
    where known_sums.known_until = {{ log_loss.date_literal('9999-12-31') }}
    group by
        {% for column in alert -%}
        alerts.{{ column }},
        {% endfor -%}
        alerts.baseline_value,
        alerts.allowance,
        rule_windows.window_name

)

select
    {{ alert | join(',\n    ') }},
    min(
        case
            when rule in ('fast_burn_rate', 'slow_burn_rate')
            then (mean_log_loss - baseline_value) / allowance
            when baseline_value is not null
            then {{ log_loss.safe_divide(
                'mean_log_loss - baseline_value', 'baseline_value'
            ) }}
            else mean_log_loss
        end
    ) as value_now
from means
group by
    {{ alert | join(',\n    ') }}
