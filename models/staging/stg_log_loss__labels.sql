{%- set columns = log_loss.input_columns('log_loss_labels') -%}
{%- do log_loss.require_input_columns('log_loss_labels', columns, {
    'request_id': 'every label',
    'model_name': 'every label',
    'label': 'every label',
    'labeled_at': 'every label',
}) -%}
{%- set has_loaded_at = columns is not none and 'loaded_at' in columns -%}
{%- set stored_by = 'loaded_at' if has_loaded_at else 'labeled_at' -%}

-- The label events with the package's names and types, and a reason where an event
-- cannot be used.
with

source as (

    select * from {{ log_loss.input_relation('log_loss_labels') }}

),

typed as (

    select
        {{ log_loss.input_text('request_id', columns) }} as request_id,
        {{ log_loss.input_text('model_name', columns) }} as model_name,
        {{ log_loss.normalize_label(
            log_loss.input_spelling('label', columns)
        ) }} as spelling,
        {{ log_loss.usable_timestamp('labeled_at', columns) }}
            as labeled_at,
        {% if has_loaded_at -%}
        {{ log_loss.usable_timestamp('loaded_at', columns) }}
            as own_loaded_at
        {%- else -%}
        cast(null as {{ log_loss.type_utc_timestamp() }}) as own_loaded_at
        {%- endif %},
        {{ log_loss.input_timestamp(stored_by, columns) }}
            as unchecked_recorded_at
    from source

),

classified as (

    select
        *,
        coalesce(own_loaded_at, labeled_at) as loaded_at,
        -- 0 withdraws the label; null is no class of the model
        case
            when spelling is null then 0
            else {{ log_loss.class_index('spelling') }}
        end as class_index
    from typed

),

checked as (

    select
        *,
        case
            when request_id is null then 'missing_request_id'
            when model_name is null then 'missing_model'
            when labeled_at is null then 'missing_labeled_at'
            when class_index is null then 'unknown_class'
            when
                loaded_at > {{ log_loss.day_after(log_loss.utc_now()) }}
                -- it would be the latest event, and so the truth, for ever
                or labeled_at > {{ log_loss.day_after('loaded_at') }}
            then 'future_timestamp'
        end as rejection_reason
    from classified

),

dated as (

    select
        *,
        -- whatever else is wrong with the row: a load time yet to come dates nothing
        case
            when loaded_at <= {{ log_loss.day_after(log_loss.utc_now()) }}
            then loaded_at
        end as recorded_at
    from checked

)

select
    request_id,
    coalesce(model_name, '(unknown)') as model_name,
    {{ log_loss.class_label('class_index') }} as label,
    class_index,
    labeled_at,
    recorded_at,
    coalesce(cast(recorded_at as date), {{ log_loss.undated() }}) as recorded_date,
    unchecked_recorded_at,
    rejection_reason
from dated
