{# The warehouse's clock as a UTC timestamp without time zone. #}
{% macro utc_now() %}
    {{- return(adapter.dispatch('utc_now', 'log_loss')()) -}}
{% endmacro %}

{# dbt's macro already gives UTC on Snowflake and BigQuery #}
{% macro default__utc_now() -%}
    cast({{ dbt.current_timestamp() }} as {{ log_loss.type_utc_timestamp() }})
{%- endmacro %}

{# `now()` has a time zone here, and a plain cast would give the session's local time #}
{% macro duckdb__utc_now() -%}
    (now() at time zone 'UTC')
{%- endmacro %}

{% macro postgres__utc_now() -%}
    (now() at time zone 'UTC')
{%- endmacro %}

{% macro spark__utc_now() -%}
    {{ log_loss.utc_timestamp('current_timestamp()', 'timestamp') }}
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
    cast({{ dbt.dateadd('day', 1, timestamp) }} as {{ log_loss.type_utc_timestamp() }})
{%- endmacro %}

{# on Spark `dbt.dateadd` goes through the session's time zone #}
{% macro spark__day_after(timestamp) -%}
    ({{ timestamp }} + interval '1' day)
{%- endmacro %}
