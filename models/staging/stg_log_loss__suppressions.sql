{%- do log_loss.configuration() -%}
{%- set input = log_loss.optional_input('log_loss_suppressions', {
    'model_name': dbt.type_string(),
    'starts_at': log_loss.type_utc_timestamp(),
    'ends_at': log_loss.type_utc_timestamp(),
    'reason': dbt.type_string(),
}, 'every suppression') -%}
-- The suppressions with types; none where `log_loss_suppressions` names nothing.
with

{{ input.source }}

select
    {{ log_loss.scope_text('model_name', input.columns) }} as model_name,
    {{ log_loss.usable_timestamp('starts_at', input.columns) }} as starts_at,
    -- an open end lasts
    {{ log_loss.usable_timestamp('ends_at', input.columns) }} as ends_at,
    {{ log_loss.input_text('reason', input.columns) }} as reason
from source
