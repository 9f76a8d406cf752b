{#
    A column as a UTC timestamp without time zone. `data_type` is the column's type in
    the warehouse, or none where it is not known. A plain cast of a timestamp with time
    zone gives the session's local time on most engines.
#}
{% macro utc_timestamp(column, data_type=none) %}
    {{- return(adapter.dispatch('utc_timestamp', 'log_loss')(column, data_type)) -}}
{% endmacro %}

{% macro default__utc_timestamp(column, data_type) -%}
    cast({{ column }} as {{ log_loss.type_utc_timestamp() }})
{%- endmacro %}

{% macro duckdb__utc_timestamp(column, data_type) -%}
    {%- if log_loss._has_time_zone(data_type) -%}
    ({{ column }} at time zone 'UTC')
    {%- else -%}
    {{ log_loss.default__utc_timestamp(column, data_type) }}
    {%- endif -%}
{%- endmacro %}

{% macro postgres__utc_timestamp(column, data_type) -%}
    {{ log_loss.duckdb__utc_timestamp(column, data_type) }}
{%- endmacro %}

{% macro snowflake__utc_timestamp(column, data_type) -%}
    {%- if log_loss._has_time_zone(data_type) -%}
    cast(convert_timezone('UTC', {{ column }}) as {{ log_loss.type_utc_timestamp() }})
    {%- else -%}
    {{ log_loss.default__utc_timestamp(column, data_type) }}
    {%- endif -%}
{%- endmacro %}

{#
    Spark's functions for time zones go through the session's clock, which skips an hour
    in spring and repeats one in autumn; the microseconds since 1970 do not.
#}
{% macro spark__utc_timestamp(column, data_type) -%}
    {%- if (data_type or '') | lower == 'timestamp' -%}
    timestampadd(
        microsecond, unix_micros({{ column }}), timestamp_ntz '1970-01-01 00:00:00'
    )
    {%- else -%}
    {{ log_loss.default__utc_timestamp(column, data_type) }}
    {%- endif -%}
{%- endmacro %}


{# As the engines spell it; Postgres has `timestamp without time zone` too. #}
{% macro _has_time_zone(data_type) %}
    {%- set type = (data_type or '') | lower -%}
    {{- return(
        'with time zone' in type or 'timestamptz' in type or '_tz' in type
        or '_ltz' in type
    ) -}}
{% endmacro %}
