{#
    The 8-byte floating-point type. `dbt.type_float()` is 4 bytes on DuckDB and Spark,
    where 1 - 1e-15 rounds to 1.
#}
{% macro type_double() %}
    {{- return(adapter.dispatch('type_double', 'log_loss')()) -}}
{% endmacro %}

{% macro default__type_double() %}
    {{- return('double') -}}
{% endmacro %}

{% macro postgres__type_double() %}
    {{- return('double precision') -}}
{% endmacro %}

{% macro redshift__type_double() %}
    {{- return('double precision') -}}
{% endmacro %}

{% macro bigquery__type_double() %}
    {{- return('float64') -}}
{% endmacro %}


{# A number as a double: several engines read 0.01 and 1e-15 as decimals. #}
{% macro double(number) %}
    {{- return(adapter.dispatch('double', 'log_loss')(number)) -}}
{% endmacro %}

{% macro default__double(number) -%}
    cast({{ number }} as {{ log_loss.type_double() }})
{%- endmacro %}


{# The largest finite double, which tells infinity and NaN from a number. #}
{% macro largest_double() %}
    {{- return(adapter.dispatch('largest_double', 'log_loss')()) -}}
{% endmacro %}

{% macro default__largest_double() -%}
    {{ log_loss.double('1.7976931348623157e308') }}
{%- endmacro %}
