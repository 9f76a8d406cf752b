{# The columns of a scope: a model version, the whole of it or one cohort. #}
{% macro scope_columns(table=none) %}
    {% set prefix = table ~ '.' if table else '' %}
    {{ return([
        prefix ~ 'model_name',
        prefix ~ 'model_version',
        prefix ~ 'cohort_name',
        prefix ~ 'cohort_value',
    ]) }}
{% endmacro %}


{# Two tables agree on the scope, for a join. #}
{% macro same_scope(left, right) %}
    {{- return(log_loss.same_columns(log_loss.scope_columns(), left, right)) -}}
{% endmacro %}


{# Two tables agree on these columns, for a join. #}
{% macro same_columns(columns, left, right) %}
    {%- set pairs = [] -%}
    {%- for column in columns -%}
        {%- do pairs.append(left ~ '.' ~ column ~ ' = ' ~ right ~ '.' ~ column) -%}
    {%- endfor -%}
    {{- return(pairs | join('\n            and ')) -}}
{% endmacro %}


{# The whole numbers from one to another, as a query with the column `number`. #}
{% macro whole_numbers(first, last, further=[]) -%}
{%- for number in range(first, last + 1) | list + further -%}
select {{ number }} as number
    {{- '\n    union all\n    ' if not loop.last }}
{%- endfor -%}
{%- endmacro %}


{#
    The texts of ranks 1 to 3 with commas between them, for a group. Engines differ on
    whether an aggregate of texts has an order.
#}
{% macro first_three(text, rank) -%}
    {%- set parts = [] -%}
    {%- for number in [1, 2, 3] -%}
        {%- set part = 'max(case when ' ~ rank ~ ' = ' ~ number ~ ' then '
            ~ (text if number == 1 else dbt.concat(["', '", text])) ~ ' end)' -%}
        {%- do parts.append(part if number == 1 else "coalesce(" ~ part ~ ", '')") -%}
    {%- endfor -%}
    {{- return(dbt.concat(parts)) -}}
{%- endmacro %}
