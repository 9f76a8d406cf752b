{#
    A column as a UTC timestamp without time zone. `data_type` is the column's type in
    the warehouse, or none where it is not known. A plain cast of a timestamp with time
    zone gives the session's local time on DuckDB and Postgres.
#}
{% macro utc_timestamp(column, data_type=none) %}
    {{- return(adapter.dispatch('utc_timestamp', 'log_loss')(column, data_type)) -}}
{% endmacro %}

{% macro default__utc_timestamp(column, data_type) -%}
    cast({{ column }} as {{ dbt.type_timestamp() }})
{%- endmacro %}

{% macro duckdb__utc_timestamp(column, data_type) -%}
    {%- if 'with time zone' in (data_type or '') | lower -%}
    ({{ column }} at time zone 'UTC')
    {%- else -%}
    {{ log_loss.default__utc_timestamp(column, data_type) }}
    {%- endif -%}
{%- endmacro %}

{# Postgres writes plain timestamps as `timestamp without time zone` #}
{% macro postgres__utc_timestamp(column, data_type) -%}
    {%- if 'with time zone' in (data_type or '') | lower -%}
    ({{ column }} at time zone 'UTC')
    {%- else -%}
    {{ log_loss.default__utc_timestamp(column, data_type) }}
    {%- endif -%}
{%- endmacro %}
