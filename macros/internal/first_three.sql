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
