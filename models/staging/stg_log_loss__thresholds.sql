{%- do log_loss.configuration() -%}
{%- set needed = {} -%}
{%- for column in [
    'rule', 'model_name', 'cohort_name', 'cohort_value',
    'label', 'warn_at', 'error_at', 'min_labeled_count', 'min_coverage',
] -%}
    {%- do needed.update({column: 'every threshold'}) -%}
{%- endfor -%}
{%- do log_loss.require_input_columns(
    'log_loss_thresholds', log_loss.input_columns('log_loss_thresholds'), needed
) %}

with

source as (

    select * from {{ log_loss.input_relation('log_loss_thresholds') }}

)

select
    lower(trim(cast(rule as {{ dbt.type_string() }}))) as rule,
    {% for column in ['model_name', 'cohort_name', 'cohort_value', 'label'] -%}
    coalesce(
        nullif(trim(cast({{ column }} as {{ dbt.type_string() }})), ''), '*'
    ) as {{ column }},
    {% endfor -%}
    cast(warn_at as {{ log_loss.type_double() }}) as warn_at,
    cast(error_at as {{ log_loss.type_double() }}) as error_at,
    coalesce(cast(min_labeled_count as {{ dbt.type_bigint() }}), 0)
        as min_labeled_count,
    coalesce(cast(min_coverage as {{ log_loss.type_double() }}), 0) as min_coverage
from source
