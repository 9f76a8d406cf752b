{# A text as a SQL literal, whatever is in it. #}
{% macro text_literal(text) %}
    {{- return(adapter.dispatch('text_literal', 'log_loss')(text)) -}}
{% endmacro %}

{% macro default__text_literal(text) %}
    {{- return(dbt.string_literal(dbt.escape_single_quotes(text))) -}}
{% endmacro %}

{# a backslash escapes there, and dbt's macro escapes quotes alone #}
{% macro spark__text_literal(text) %}
    {{- return(log_loss.default__text_literal(text | replace('\\', '\\\\'))) -}}
{% endmacro %}

{% macro bigquery__text_literal(text) %}
    {{- return(log_loss.spark__text_literal(text)) -}}
{% endmacro %}

{% macro snowflake__text_literal(text) %}
    {{- return(log_loss.spark__text_literal(text)) -}}
{% endmacro %}
