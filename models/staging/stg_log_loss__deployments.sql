{%- do log_loss.configuration() -%}
{%- set columns = log_loss.input_columns('log_loss_deployments') -%}
{%- do log_loss.require_input_columns('log_loss_deployments', columns, {
    'model_name': 'every deployment',
    'model_version': 'every deployment',
    'role': 'every deployment',
    'deployed_at': 'every deployment',
    'retired_at': 'every deployment',
    'note': 'every deployment',
}) %}

with

source as (

    select * from {{ log_loss.input_relation('log_loss_deployments') }}

)

select
    {{ log_loss.input_text('model_name', columns) | indent(4) }} as model_name,
    {{ log_loss.input_text('model_version', columns) | indent(4) }} as model_version,
    lower(trim({{ log_loss.input_text('role', columns) | indent(4) }})) as role,
    {{ log_loss.usable_timestamp('deployed_at', columns) | indent(4) }} as deployed_at,
    -- an open end lasts
    {{ log_loss.usable_timestamp('retired_at', columns) | indent(4) }} as retired_at,
    {{ log_loss.input_text('note', columns) | indent(4) }} as note
from source
