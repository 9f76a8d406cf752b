{%- do log_loss.configuration() -%}
{%- set needed = {} -%}
{%- for column in [
    'model_name', 'starts_at', 'ends_at', 'reason',
] -%}
    {%- do needed.update({column: 'every suppression'}) -%}
{%- endfor -%}
{%- do log_loss.require_input_columns(
    'log_loss_suppressions', log_loss.input_columns('log_loss_suppressions'), needed
) %}

with

source as (

    select * from {{ log_loss.input_relation('log_loss_suppressions') }}

)

select
    coalesce(
        nullif(trim(cast(model_name as {{ dbt.type_string() }})), ''), '*'
    ) as model_name,
    cast(starts_at as {{ dbt.type_timestamp() }}) as starts_at,
    -- an open end lasts
    cast(ends_at as {{ dbt.type_timestamp() }}) as ends_at,
    cast(reason as {{ dbt.type_string() }}) as reason
from source
