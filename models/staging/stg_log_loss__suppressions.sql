{%- do log_loss.configuration() -%}
{%- set columns = log_loss.input_columns('log_loss_suppressions') -%}
{%- do log_loss.require_input_columns('log_loss_suppressions', columns, {
    'model_name': 'every suppression',
    'starts_at': 'every suppression',
    'ends_at': 'every suppression',
    'reason': 'every suppression',
}) %}

with

source as (

    select * from {{ log_loss.input_relation('log_loss_suppressions') }}

)

select
    {{ log_loss.scope_text('model_name', columns) | indent(4) }} as model_name,
    {{ log_loss.usable_timestamp('starts_at', columns) | indent(4) }} as starts_at,
    -- an open end lasts
    {{ log_loss.usable_timestamp('ends_at', columns) | indent(4) }} as ends_at,
    {{ log_loss.input_text('reason', columns) | indent(4) }} as reason
from source
