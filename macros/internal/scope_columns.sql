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
