{# The whole numbers from one to another, as a query with the column `number`. #}
{% macro whole_numbers(first, last, further=[]) -%}
{%- for number in range(first, last + 1) | list + further -%}
select {{ number }} as number
    {{- '\n    union all\n    ' if not loop.last }}
{%- endfor -%}
{%- endmacro %}
