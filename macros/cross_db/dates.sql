{# A date moved by whole days; `dbt.dateadd` alone gives a timestamp on most engines. #}
{% macro add_days(date, days) %}
    {{- return(adapter.dispatch('add_days', 'log_loss')(date, days)) -}}
{% endmacro %}

{% macro default__add_days(date, days) -%}
    cast({{ dbt.dateadd('day', days, date) }} as date)
{%- endmacro %}

{# `dbt.dateadd` stops at a null there #}
{% macro spark__add_days(date, days) -%}
    date_add({{ date }}, {{ days }})
{%- endmacro %}


{# Whole days from one date to another. #}
{% macro days_between(first_date, second_date) %}
    {{- return(adapter.dispatch('days_between', 'log_loss')(
        first_date, second_date
    )) -}}
{% endmacro %}

{% macro default__days_between(first_date, second_date) -%}
    {{ dbt.datediff(first_date, second_date, 'day') }}
{%- endmacro %}

{# so does `dbt.datediff` #}
{% macro spark__days_between(first_date, second_date) -%}
    datediff({{ second_date }}, {{ first_date }})
{%- endmacro %}


{# A date as a text YYYY-MM-DD. #}
{% macro date_text(date) %}
    {{- return(adapter.dispatch('date_text', 'log_loss')(date)) -}}
{% endmacro %}

{% macro default__date_text(date) -%}
    cast({{ date }} as {{ dbt.type_string() }})
{%- endmacro %}

{# a cast follows the session's DateStyle there, and its DATE_OUTPUT_FORMAT #}
{% macro postgres__date_text(date) -%}
    to_char({{ date }}, 'YYYY-MM-DD')
{%- endmacro %}

{% macro snowflake__date_text(date) -%}
    {{ log_loss.postgres__date_text(date) }}
{%- endmacro %}


{# A date written as YYYY-MM-DD. #}
{% macro date_literal(text) %}
    {{- return(adapter.dispatch('date_literal', 'log_loss')(text)) -}}
{% endmacro %}

{% macro default__date_literal(text) -%}
    cast('{{ text }}' as date)
{%- endmacro %}


{# The partition of rows that no clock can date, rebuilt by every run. #}
{% macro undated() %}
    {{- return(adapter.dispatch('undated', 'log_loss')()) -}}
{% endmacro %}

{% macro default__undated() -%}
    {{ log_loss.date_literal('1970-01-01') }}
{%- endmacro %}


{# The day of the week of a date, 1 for Monday to 7 for Sunday. #}
{% macro iso_weekday(date) %}
    {{- return(adapter.dispatch('iso_weekday', 'log_loss')(date)) -}}
{% endmacro %}

{# 1970-01-01 was a Thursday; functions for it number the days in three ways #}
{% macro default__iso_weekday(date) -%}
    {%- set days = '(' ~ log_loss.days_between(log_loss.undated(), date) | trim ~ ' + 3)' -%}
    ({{ days }} - 7 * cast(floor({{ days }} / {{ log_loss.double(7) }}) as {{ dbt.type_int() }}) + 1)
{%- endmacro %}


{# The hour of a UTC timestamp, 0 to 23. #}
{% macro hour_of_day(timestamp) %}
    {{- return(adapter.dispatch('hour_of_day', 'log_loss')(timestamp)) -}}
{% endmacro %}

{% macro default__hour_of_day(timestamp) -%}
    extract(hour from {{ timestamp }})
{%- endmacro %}

{# a timestamp there is a moment, and has hours in a time zone alone #}
{% macro bigquery__hour_of_day(timestamp) -%}
    extract(hour from cast({{ timestamp }} as datetime))
{%- endmacro %}
