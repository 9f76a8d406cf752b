{#
    A product. Postgres and Redshift stop with "value out of range: underflow" where
    every other engine rounds a product below the smallest double to zero.
#}
{% macro multiply(left, right) %}
    {{- return(adapter.dispatch('multiply', 'log_loss')(left, right)) -}}
{% endmacro %}

{% macro default__multiply(left, right) -%}
    (({{ left }}) * ({{ right }}))
{%- endmacro %}

{# factors below 1e-150 are the only ones whose product can underflow #}
{% macro postgres__multiply(left, right) -%}
    {%- set smallest = log_loss.double('1e-150') -%}
    case
        when abs({{ left }}) < {{ smallest }} or abs({{ right }}) < {{ smallest }}
        then {{ log_loss.double(0) }}
        else ({{ left }}) * ({{ right }})
    end
{%- endmacro %}
