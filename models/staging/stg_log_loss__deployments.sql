{%- do log_loss.configuration() -%}
{%- set input = log_loss.optional_input('log_loss_deployments', {
    'model_name': dbt.type_string(),
    'model_version': dbt.type_string(),
    'role': dbt.type_string(),
    'deployed_at': log_loss.type_utc_timestamp(),
    'retired_at': log_loss.type_utc_timestamp(),
    'note': dbt.type_string(),
}, 'every deployment') -%}
-- The deployments with types; none where `log_loss_deployments` names nothing.
with

{{ input.source }}

select
    {{ log_loss.input_text('model_name', input.columns) }} as model_name,
    {{ log_loss.input_text('model_version', input.columns) }} as model_version,
    lower(trim({{ log_loss.input_text('role', input.columns) }})) as role,
    {{ log_loss.usable_timestamp('deployed_at', input.columns) }} as deployed_at,
    -- an open end lasts
    {{ log_loss.usable_timestamp('retired_at', input.columns) }} as retired_at,
    {{ log_loss.input_text('note', input.columns) }} as note
from source
