{#
    The rows of a model of this package are sound: returns the key of each row that is
    not, and which column has which problem. One query instead of one for each column.

    Must be finite: every column that the model's contract declares as a double.
#}
{% test sound_columns(model, key, not_null=[], accepted_values={}) %}
{{ log_loss.check_test_argument(
    'sound_columns', 'key', key,
    key is iterable and key is not string and key | length > 0,
    'a list of column names'
) }}
{%- set problems = [] -%}
{%- for column in key + not_null -%}
    {%- do problems.append((column ~ ' is null', column ~ ' is null')) -%}
{%- endfor -%}
{%- for column in log_loss._declared_doubles(model) -%}
    {#- false for NaN on every engine, whatever order it gives NaN -#}
    {%- do problems.append((
        column ~ ' is not finite', 'not coalesce(abs(' ~ column ~ ') <= '
        ~ log_loss.largest_double() ~ ', ' ~ column ~ ' is null)'
    )) -%}
{%- endfor -%}
{%- for column, values in accepted_values.items() -%}
    {%- if values == 'threshold_rules' -%}
        {%- set values = log_loss.threshold_rules() | map(attribute='name') -%}
    {%- endif -%}
    {%- do problems.append((
        column ~ ' is not one of its values',
        column ~ " not in ('" ~ values | join("', '") ~ "')"
    )) -%}
{%- endfor %}
with

checked as (

    select
        {{ key | join(', ') }},
        case
            {%- for problem, condition in problems %}
            when {{ condition }} then '{{ problem }}'
            {%- endfor %}
        end as problem
    from {{ model }}

)

select
    {{ key | join(', ') }},
    problem
from checked
where problem is not null

union all

select
    {{ key | join(', ') }},
    'the key is repeated' as problem
from {{ model }}
group by
    {{ key | join(', ') }}
having count(*) > 1
{% endtest %}


{# The columns of a model of this package that its contract declares as doubles. #}
{% macro _declared_doubles(relation) %}
    {%- set names = [] -%}
    {%- for node in graph.get('nodes', {}).values()
        if node.resource_type == 'model'
        and node.package_name == 'log_loss' and node.alias == relation.identifier -%}
        {%- for column in node.columns.values()
            if column.data_type == log_loss.type_double() -%}
            {%- do names.append(column.name) -%}
        {%- endfor -%}
    {%- else -%}
        {%- do log_loss.check_test_argument(
            'sound_columns', 'model', relation, false, 'a model of this package'
        ) -%}
    {%- endfor -%}
    {{- return(names) -}}
{% endmacro %}
