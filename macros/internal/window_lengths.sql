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
