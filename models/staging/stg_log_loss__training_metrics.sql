{%- do log_loss.configuration() -%}
{%- set input = log_loss.optional_input('log_loss_training_metrics', {
    'model_name': dbt.type_string(),
    'model_version': dbt.type_string(),
    'run_id': dbt.type_string(),
    'metric_key': dbt.type_string(),
    'value': log_loss.type_double(),
    'logged_at': log_loss.type_utc_timestamp(),
}, 'every metric') -%}
-- The metrics of training with types; none where `log_loss_training_metrics` names
-- nothing.
with

{{ input.source }}

select
    {{ log_loss.input_text('model_name', input.columns) }} as model_name,
    {{ log_loss.input_text('model_version', input.columns) }} as model_version,
    {{ log_loss.input_text('run_id', input.columns) }} as run_id,
    lower(trim({{ log_loss.input_text('metric_key', input.columns) }}))
        as metric_key,
    cast(
        {{ log_loss.input_column('value', input.columns) }}
        as {{ log_loss.type_double() }}
    ) as value,
    {{ log_loss.usable_timestamp('logged_at', input.columns) }} as logged_at
from source
