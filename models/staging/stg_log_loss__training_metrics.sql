{%- do log_loss.configuration() -%}
{%- set columns = log_loss.input_columns('log_loss_training_metrics') -%}
{%- do log_loss.require_input_columns('log_loss_training_metrics', columns, {
    'model_name': 'every metric',
    'model_version': 'every metric',
    'run_id': 'every metric',
    'metric_key': 'every metric',
    'value': 'every metric',
    'logged_at': 'every metric',
}) %}

with

source as (

    select * from {{ log_loss.input_relation('log_loss_training_metrics') }}

)

select
    {{ log_loss.input_text('model_name', columns) | indent(4) }} as model_name,
    {{ log_loss.input_text('model_version', columns) | indent(4) }} as model_version,
    {{ log_loss.input_text('run_id', columns) | indent(4) }} as run_id,
    lower(trim({{ log_loss.input_text('metric_key', columns) | indent(4) }}))
        as metric_key,
    cast(
        {{ log_loss.input_column('value', columns) }} as {{ log_loss.type_double() }}
    ) as value,
    {{ log_loss.usable_timestamp('logged_at', columns) | indent(4) }} as logged_at
from source
