{%- do log_loss.configuration() -%}
{%- set columns = log_loss.input_columns('log_loss_thresholds') -%}
{%- do log_loss.require_input_columns('log_loss_thresholds', columns, {
    'rule': 'every threshold',
    'model_name': 'every threshold',
    'cohort_name': 'every threshold',
    'cohort_value': 'every threshold',
    'label': 'every threshold',
    'warn_at': 'every threshold',
    'error_at': 'every threshold',
    'min_labeled_count': 'every threshold',
    'min_coverage': 'every threshold',
}) %}

-- The limits of the rules, with types, wildcards and defaults.
with

source as (

    select * from {{ log_loss.input_relation('log_loss_thresholds') }}

)

select
    lower(trim({{ log_loss.input_text('rule', columns) }})) as rule,
    {% for column in ['model_name', 'cohort_name', 'cohort_value', 'label'] -%}
    {{ log_loss.scope_text(column, columns) }} as {{ column }},
    {% endfor -%}
    cast(
        {{ log_loss.input_column('warn_at', columns) }} as {{ log_loss.type_double() }}
    ) as warn_at,
    cast(
        {{ log_loss.input_column('error_at', columns) }} as {{ log_loss.type_double() }}
    ) as error_at,
    coalesce(cast(
        {{ log_loss.input_column('min_labeled_count', columns) }}
        as {{ dbt.type_bigint() }}
    ), 0) as min_labeled_count,
    coalesce(cast(
        {{ log_loss.input_column('min_coverage', columns) }}
        as {{ log_loss.type_double() }}
    ), 0) as min_coverage
from source
