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

{% macro postgres__multiply(left, right) -%}
    {{ log_loss._multiply_above('5e-324', left, right) }}
{%- endmacro %}

{# it is not known what Redshift makes of numbers below the smallest normal one #}
{% macro redshift__multiply(left, right) -%}
    {{ log_loss._multiply_above('2.3e-308', left, right) }}
{%- endmacro %}

{#
    Two factors of at least 1e-150, or one of at least 1, cannot underflow. Others do where
    the product is below the smallest double.
#}
{% macro _multiply_above(smallest, left, right) -%}
    {%- set product = log_loss.default__multiply(left, right) -%}
    {%- set small = log_loss.double('1e-150') -%}
    case
        when abs({{ left }}) >= {{ small }} and abs({{ right }}) >= {{ small }}
        then {{ product }}
        when
            abs({{ left }}) >= 1 or abs({{ right }}) >= 1
            or {{ left }} = 0 or {{ right }} = 0
        then {{ product }}
        when abs({{ left }}) < {{ log_loss.double(smallest) }} / abs({{ right }})
        then {{ log_loss.double(0) }}
        else {{ product }}
    end
{%- endmacro %}
