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
