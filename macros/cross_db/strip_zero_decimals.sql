{#
    Text without a trailing `.0`, `.00`, and so on. dbt has no cross-database macro
    for regular expressions; this form reads the same on every engine supported,
    because `[.]` needs no backslash.
#}
{% macro strip_zero_decimals(text) %}
    {{- return(adapter.dispatch('strip_zero_decimals', 'log_loss')(text)) -}}
{% endmacro %}

{% macro default__strip_zero_decimals(text) -%}
    regexp_replace({{ text }}, '[.]0+$', '')
{%- endmacro %}
