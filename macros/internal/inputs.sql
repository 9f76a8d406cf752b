{#
    The relation that a variable names as `project.model`. A bare model name works
    too, but dbt warns when a package refers to a root model without its project.
#}
{% macro input_relation(variable) %}
    {% set parts = log_loss.input_name(variable).split('.') %}
    {% if parts | length == 1 %}
        {{ return(ref(parts[0])) }}
    {% endif %}
    {{ return(ref(parts[0], parts[1])) }}
{% endmacro %}


{# What a variable names, or the package's own model where it is left null. #}
{% macro input_name(variable) %}
    {% set defaults = {'log_loss_thresholds': 'log_loss.log_loss_default_thresholds'} %}
    {{ return((log_loss.setting(variable) or defaults.get(variable)) | string) }}
{% endmacro %}


{#
    The columns of an input, lowercase name to {name, type}, looked up in the warehouse,
    or none where they cannot be known: while parsing, in commands that build nothing,
    and before the relation exists. The optional `loaded_at` counts as absent then.
    Dispatched, alone among these macros: what only compiles has no warehouse to ask.
#}
{% macro input_columns(variable) %}
    {{ return(adapter.dispatch('input_columns', 'log_loss')(variable)) }}
{% endmacro %}


{% macro default__input_columns(variable) %}
    {% set input = log_loss.input_relation(variable) %}
    {% if not execute or flags.WHICH not in ('run', 'build') %}
        {{ return(none) }}
    {% endif %}
    {# ephemeral models and the inputs of unit tests are CTEs, in no schema #}
    {% if not input.schema %}
        {% do log_loss._refuse_ephemeral(variable) %}
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
        {% do columns.update({
            column.name | lower: {
                'name': column.name, 'type': column.data_type | string
            }
        }) %}
    {% endfor %}
    {{ return(columns) }}
{% endmacro %}


{# An ephemeral model has no columns to look up: its `loaded_at` would go unseen. #}
{% macro _refuse_ephemeral(variable) %}
    {% set name = log_loss.input_name(variable) %}
    {% set parts = name.split('.') %}
    {% for node in graph.get('nodes', {}).values() if node.name == parts[-1] %}
        {% if node.resource_type == 'model' and node.config.materialized == 'ephemeral'
            and (parts | length == 1 or node.package_name == parts[0]) %}
            {% do log_loss.configuration_error(
                variable, name ~ ', an ephemeral model, whose columns the package '
                ~ 'cannot look up in the warehouse',
                'materialize that model as a view or a table.'
            ) %}
        {% endif %}
    {% endfor %}
{% endmacro %}


{#
    A column of an input as SQL: quoted as the warehouse spells it, so that it may be
    named like a keyword; as it is while its spelling is not known.
#}
{% macro input_column(name, columns) %}
    {%- set known = (columns or {}).get(name | lower) -%}
    {{- return(adapter.quote(known.name) if known else name) -}}
{% endmacro %}


{# A column of an input as text; Redshift does not cast a boolean to one. #}
{% macro input_spelling(name, columns) -%}
    {%- set column = log_loss.input_column(name, columns) -%}
    {%- if log_loss.input_type(name, columns) in ('bool', 'boolean') -%}
    {{ dbt.cast_bool_to_text(column) | trim }}
    {%- else -%}
    cast({{ column }} as {{ dbt.type_string() }})
    {%- endif -%}
{%- endmacro %}


{# The same, null where it is empty. #}
{% macro input_text(name, columns) -%}
    nullif({{ log_loss.input_spelling(name, columns) }}, '')
{%- endmacro %}


{# A column of an input as another type; text that cannot be read as it is null. #}
{% macro input_value(name, columns, type) %}
    {%- set column = log_loss.input_column(name, columns) -%}
    {{- return(
        log_loss.cast_text(column, type) if log_loss.is_text(name, columns)
        else 'cast(' ~ column ~ ' as ' ~ type ~ ')'
    ) -}}
{% endmacro %}


{# The type of a column of an input, lowercase; empty while it is not known. #}
{% macro input_type(name, columns) %}
    {{ return(((columns or {}).get(name | lower) or {}).get('type', '') | lower) }}
{% endmacro %}


{# Whether a column of an input is known to be text. #}
{% macro is_text(name, columns) %}
    {% set type = log_loss.input_type(name, columns) %}
    {{ return('char' in type or 'text' in type or 'string' in type) }}
{% endmacro %}


{# A column that names what a row holds for; empty or null, it holds for all. #}
{% macro scope_text(name, columns) -%}
    coalesce(nullif(trim({{ log_loss.input_spelling(name, columns) }}), ''), '*')
{%- endmacro %}


{# Stops when an input lacks a column; `needed` maps each column to who asks for it. #}
{% macro require_input_columns(variable, columns, needed) %}
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


{#
    An input that may be left out, as {columns, source}: what is known of its columns,
    and the SQL of the CTE `source` with its rows. Where the variable names nothing
    there are none, and the columns have these types, so that `dbt run` needs neither a
    seed nor a model of the user's. Stops when the relation that it names lacks one of
    them.

    types: each column to its type.
    asked_by: who needs them, for the message.
#}
{% macro optional_input(variable, types, asked_by) %}
    {% if not log_loss.setting(variable) %}
        {{ return({'columns': none, 'source': log_loss._no_rows(types)}) }}
    {% endif %}
    {% set columns = log_loss.input_columns(variable) %}
    {% set needed = {} %}
    {% for column in types %}
        {% do needed.update({column: asked_by}) %}
    {% endfor %}
    {% do log_loss.require_input_columns(variable, columns, needed) %}
    {{ return({
        'columns': columns,
        'source': log_loss._all_rows(log_loss.input_relation(variable)),
    }) }}
{% endmacro %}


{% macro _all_rows(relation) -%}
source as (

    select * from {{ relation }}

)
{%- endmacro %}


{# BigQuery wants a `from` before a `where`. #}
{% macro _no_rows(types) -%}
nothing as (

    select
        {% for column, type in types.items() -%}
        cast(null as {{ type }}) as {{ column }}{{ ',' if not loop.last }}
        {% endfor %}
),

source as (

    select * from nothing
    where 1 = 0

)
{%- endmacro %}


{#
    A column as a UTC timestamp without time zone; null outside the years 1900 to 2999.
    Sentinels such as 9999-12-31 and infinity overflow the date arithmetic of several
    engines, and one such row would stop the whole build. `columns` is what
    input_columns gave, with the column's type.
#}
{% macro usable_timestamp(column, columns=none) -%}
    {%- set timestamp = log_loss.input_timestamp(column, columns) -%}
    {%- set type = log_loss.type_utc_timestamp() -%}
    case
        when
            {{ timestamp }} >= cast('1900-01-01' as {{ type }})
            and {{ timestamp }} < cast('3000-01-01' as {{ type }})
        then {{ timestamp }}
    end
{%- endmacro %}


{# A column as a UTC timestamp without time zone, whatever it holds. #}
{% macro input_timestamp(column, columns=none) -%}
    {%- if log_loss.is_text(column, columns) -%}
    {{ log_loss.input_value(column, columns, log_loss.type_utc_timestamp()) }}
    {%- else -%}
    {{ log_loss.utc_timestamp(
        log_loss.input_column(column, columns), log_loss.input_type(column, columns)
    ) }}
    {%- endif -%}
{%- endmacro %}


{#
    What training said of each version, and from when until when that was the last word:
    on a date it is the row with `known_from <= date < known_until`.

    Emits CTEs, the last of them dated_training_metrics: one row per version, metric and
    date on which it was logged (1970-01-01 if nobody says when), with `run_id`,
    `value`, a finite number, and `logged_at` of the last one logged that day.
#}
{% macro dated_training_metrics() -%}
ranked_training_metrics as (

    select
        *,
        -- an undated one counts until there is a dated one
        coalesce(cast(logged_at as date), {{ log_loss.undated() }}) as known_from,
        row_number() over (
            partition by
                model_name,
                model_version,
                metric_key,
                coalesce(cast(logged_at as date), {{ log_loss.undated() }})
            order by
                case when logged_at is null then 1 else 0 end,
                logged_at desc,
                run_id asc,
                value asc
        ) as recency_rank
    from {{ ref('stg_log_loss__training_metrics') }}
    where abs(value) <= {{ log_loss.largest_double() }}

),

dated_training_metrics as (

    select
        model_name,
        model_version,
        metric_key,
        known_from,
        -- a far date, so that a join compares columns alone
        coalesce(
            lead(known_from) over (
                partition by model_name, model_version, metric_key
                order by known_from
            ),
            {{ log_loss.far_date() }}
        ) as known_until,
        run_id,
        value,
        logged_at
    from ranked_training_metrics
    where recency_rank = 1

)
{%- endmacro %}
