{#
    A text as another type; null where it cannot be read, on engines that can say so.
    Elsewhere (Postgres) the engine stops and names the text. dbt's own `safe_cast` is a
    plain cast on DuckDB, Spark and Redshift.
#}
{% macro cast_text(text, type) %}
    {{- return(adapter.dispatch('cast_text', 'log_loss')(text, type)) -}}
{% endmacro %}

{% macro default__cast_text(text, type) -%}
    {{ dbt.safe_cast(text, type) }}
{%- endmacro %}

{% macro duckdb__cast_text(text, type) -%}
    try_cast({{ text }} as {{ type }})
{%- endmacro %}

{% macro spark__cast_text(text, type) -%}
    {{ log_loss.duckdb__cast_text(text, type) }}
{%- endmacro %}

{% macro redshift__cast_text(text, type) -%}
    {{ log_loss.duckdb__cast_text(text, type) }}
{%- endmacro %}
