{#
    What lets the planner know a table that was just made, as a hook: only Postgres needs
    to be told. Without it a join of two such tables took a minute instead of a second.
#}
{% macro gather_statistics(relation) %}
    {{- return(adapter.dispatch('gather_statistics', 'log_loss')(relation)) -}}
{% endmacro %}

{% macro default__gather_statistics(relation) -%}
{%- endmacro %}

{% macro postgres__gather_statistics(relation) -%}
    {%- if model.config.materialized != 'view' -%}
    analyze {{ relation }}
    {%- endif -%}
{%- endmacro %}

{# Redshift, which otherwise takes Postgres' macros, does so by itself. #}
{% macro redshift__gather_statistics(relation) -%}
{%- endmacro %}


{#
    What keeps the planner from nested loops while a table is made, as a hook: Postgres
    takes a condition on an expression for one that leaves a row or two, and a join on
    them for a loop, which over a hundred thousand rows does not end. It is for the
    transaction of the hook alone, and where nothing else is possible it still loops.
#}
{% macro avoid_nested_loops() %}
    {{- return(adapter.dispatch('avoid_nested_loops', 'log_loss')()) -}}
{% endmacro %}

{% macro default__avoid_nested_loops() -%}
{%- endmacro %}

{% macro postgres__avoid_nested_loops() -%}
    set local enable_nestloop = off
{%- endmacro %}

{% macro redshift__avoid_nested_loops() -%}
{%- endmacro %}


{#
    A condition that most rows meet. Postgres takes one on an expression for a condition
    that leaves a two-hundredth of them, and joins what is left in a loop; of a `case` it
    expects half. A view has no hook to keep it from that.
#}
{% macro mostly_true(condition) %}
    {{- return(adapter.dispatch('mostly_true', 'log_loss')(condition)) -}}
{% endmacro %}

{% macro default__mostly_true(condition) -%}
    {{ condition }}
{%- endmacro %}

{% macro postgres__mostly_true(condition) -%}
    case when {{ condition }} then true else false end
{%- endmacro %}

{% macro redshift__mostly_true(condition) -%}
    {{ condition }}
{%- endmacro %}
