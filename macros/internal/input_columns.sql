{#
    The columns of an input, lowercase name to type, looked up in the warehouse, or
    none where they cannot be known: while parsing, in commands that build nothing, and
    before the relation exists. The optional `loaded_at` counts as absent then.
#}
{% macro input_columns(variable) %}
    {{ return(adapter.dispatch('input_columns', 'log_loss')(variable)) }}
{% endmacro %}

{% macro default__input_columns(variable) %}
    {% set input = log_loss.input_relation(variable) %}
    {# the input of a unit test is a CTE, in no schema #}
    {% if not execute or flags.WHICH not in ('run', 'build') or not input.schema %}
        {{ return(none) }}
    {% endif %}
    {% set relation = adapter.get_relation(
        input.database, input.schema, input.identifier
    ) %}
    {% if relation is none %}
        {{ return(none) }}
    {% endif %}
    {% set columns = {} %}
    {% for column in adapter.get_columns_in_relation(relation) %}
        {% do columns.update({column.name | lower: column.data_type | string}) %}
    {% endfor %}
    {{ return(columns) }}
{% endmacro %}


{# Stops when an input lacks a column; `needed` maps each column to who asks for it. #}
{% macro require_input_columns(variable, columns, needed) %}
    {{ return(adapter.dispatch('require_input_columns', 'log_loss')(
        variable, columns, needed
    )) }}
{% endmacro %}

{% macro default__require_input_columns(variable, columns, needed) %}
    {% for column, asked_by in needed.items() if columns is not none %}
        {% if column | lower not in columns %}
            {% do log_loss.configuration_error(
                variable,
                log_loss.input_name(variable) ~ ', which has no column `' ~ column
                ~ '` (needed by ' ~ asked_by ~ '); its columns are '
                ~ columns | join(', '),
                'add the column `' ~ column ~ '` to that model, or change '
                ~ asked_by ~ '.'
            ) %}
        {% endif %}
    {% endfor %}
{% endmacro %}
