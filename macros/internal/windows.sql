{#
    The windows that end with the last judged day: those of the error budget. The longest
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


{# The lengths of the windows of calibration, in days. #}
{% macro calibration_windows() %}
    {{ return([1, 7, 28]) }}
{% endmacro %}


{# The lengths of the windows that drift is judged over, in days. #}
{% macro drift_windows() %}
    {{ return([1, 7]) }}
{% endmacro %}


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
    1 where a version had been a canary or a shadow by a date, and no more; 0 otherwise, and
    where nobody declared it. A young version borrows its past from such a one last.

    trials: a left join of int_log_loss__version_trials.
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
