{#
    A timestamp without time zone, which the package takes for UTC. Spark's `timestamp`
    is an instant, and what date it falls on depends on the session's time zone.
#}
{% macro type_utc_timestamp() %}
    {{- return(adapter.dispatch('type_utc_timestamp', 'log_loss')()) -}}
{% endmacro %}

{% macro default__type_utc_timestamp() %}
    {{- return(dbt.type_timestamp()) -}}
{% endmacro %}

{# Snowflake's `timestamp` is whatever a parameter of the session says #}
{% macro snowflake__type_utc_timestamp() %}
    {{- return('timestamp_ntz') -}}
{% endmacro %}

{% macro spark__type_utc_timestamp() %}
    {{- return('timestamp_ntz') -}}
{% endmacro %}
