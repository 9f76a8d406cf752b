{# The warehouse's clock as a UTC timestamp without time zone. #}
{% macro utc_now() %}
    {{- return(adapter.dispatch('utc_now', 'log_loss')()) -}}
{% endmacro %}

{# dbt's macro already gives UTC on Snowflake, BigQuery and Databricks #}
{% macro default__utc_now() -%}
    cast({{ dbt.current_timestamp() }} as {{ dbt.type_timestamp() }})
{%- endmacro %}

{# `now()` has a time zone here, and a plain cast would give the session's local time #}
{% macro duckdb__utc_now() -%}
    (now() at time zone 'UTC')
{%- endmacro %}

{% macro postgres__utc_now() -%}
    (now() at time zone 'UTC')
{%- endmacro %}

{# Redshift runs `now()` on its leader node only #}
{% macro redshift__utc_now() -%}
    getdate()
{%- endmacro %}


{# `dbt.dateadd` gives another type than a timestamp on BigQuery. #}
{% macro day_after(timestamp) %}
    {{- return(adapter.dispatch('day_after', 'log_loss')(timestamp)) -}}
{% endmacro %}

{% macro default__day_after(timestamp) -%}
    cast({{ dbt.dateadd('day', 1, timestamp) }} as {{ dbt.type_timestamp() }})
{%- endmacro %}
