{%- set settings = log_loss.configuration() -%}
{%- set columns = log_loss.input_columns('log_loss_predictions') -%}
{%- set needed = {
    'request_id': 'every prediction',
    'model_name': 'every prediction',
    'model_version': 'every prediction',
    'predicted_at': 'every prediction',
} -%}
{%- for cohort in settings.cohorts -%}
    {%- do needed.update({cohort: 'log_loss_cohorts'}) -%}
{%- endfor -%}
{%- for feature in settings.features -%}
    {%- do needed.update({feature.column: 'log_loss_features'}) -%}
{%- endfor -%}
{%- if settings.weight -%}
    {%- do needed.update({settings.weight: 'log_loss_weight'}) -%}
{%- endif -%}
{%- for model in settings.models[1:] -%}
    {%- for class in model.classes if class.column -%}
        {%- do needed.update({class.column: 'log_loss_models'}) -%}
    {%- endfor -%}
{%- endfor -%}
{%- if settings.models | length == 1 -%}
    {%- do needed.update({'probability': 'models that log_loss_models leaves out'}) -%}
{%- endif -%}
{%- do log_loss.require_input_columns('log_loss_predictions', columns, needed) -%}
{%- set has_loaded_at = columns is not none and 'loaded_at' in columns -%}
{%- set stored_by = 'loaded_at' if has_loaded_at else 'predicted_at' -%}
{%- set probabilities = log_loss.probability_columns() -%}
{%- set all_binary = settings.class_counts == [2] -%}

-- The predictions with the package's names and types, and a reason where a row
-- cannot be used.
with

source as (

    select * from {{ log_loss.input_relation('log_loss_predictions') }}

),

typed as (

    select
        {{ log_loss.input_text('request_id', columns) }} as request_id,
        {{ log_loss.input_text('model_name', columns) }} as model_name,
        {{ log_loss.input_text('model_version', columns) }}
            as model_version,
        {{ log_loss.usable_timestamp('predicted_at', columns) }}
            as predicted_at,
        {% if has_loaded_at -%}
        {{ log_loss.usable_timestamp('loaded_at', columns) }}
            as own_loaded_at,
        {% else -%}
        cast(null as {{ log_loss.type_utc_timestamp() }}) as own_loaded_at,
        {% endif -%}
        {{ log_loss.input_timestamp(stored_by, columns) }}
            as unchecked_recorded_at,
        {{ log_loss.class_count() }} as class_count,
        {% for probability in probabilities -%}
        {{ log_loss.class_probability(loop.index0, columns) }}
            as {{ probability }},
        {% endfor -%}
        {% for cohort in settings.cohorts -%}
        coalesce(
            {{ log_loss.input_spelling(cohort, columns) }}, '(unknown)'
        ) as cohort_{{ loop.index }},
        {% endfor -%}
        {% for feature in settings.features -%}
        {% if feature.is_numeric -%}
        {{ log_loss.input_value(feature.column, columns, log_loss.type_double()) }}
            as feature_{{ loop.index }},
        {% else -%}
        coalesce(
            {{ log_loss.input_spelling(feature.column, columns) }}, '(unknown)'
        ) as feature_{{ loop.index }},
        {% endif -%}
        {% endfor -%}
        {% if settings.weight -%}
        {{ log_loss.input_value(settings.weight, columns, log_loss.type_double()) }}
            as weight
        {%- else -%}
        {{ log_loss.double(1) }} as weight
        {%- endif %}
    from source

),

loaded as (

    select
        *,
        coalesce(own_loaded_at, predicted_at) as loaded_at
    from typed

),

checked as (

    select
        *,
        -- `not (x between ...)` rather than `x not between ...`: NaN fails on
        -- every engine, whatever order it gives NaN
        case
            when request_id is null then 'missing_request_id'
            when model_name is null or model_version is null then 'missing_model'
            when predicted_at is null then 'missing_predicted_at'
            when {% for probability in probabilities -%}
                {{ 'or ' if not loop.first }}
                {%- if loop.index > 2 %}class_count >= {{ loop.index }} and {% endif -%}
                {{ probability }} is null
            {% endfor -%}
            then 'missing_probability'
            when {% for probability in probabilities -%}
                {{ 'or ' if not loop.first }}
                {%- if loop.index > 2 %}class_count >= {{ loop.index }} and {% endif -%}
                not ({{ probability }} between 0 and 1)
            {% endfor -%}
            then 'probability_out_of_range'
            {%- if not all_binary or log_loss.has_two_column_model() %}
            when not (
                abs(
                    {% for probability in probabilities -%}
                    {{ '+ ' if not loop.first }}coalesce({{ probability }}, 0)
                    {% endfor -%}
                    - 1
                ) <= {{ log_loss.double(settings.probability_sum_tolerance) }}
            )
            then 'probabilities_do_not_sum_to_one'
            {%- endif %}
            {%- if settings.weight %}
            when
                weight is null
                or not (weight between 0 and {{ log_loss.double('1e100') }})
            then 'invalid_weight'
            {%- endif %}
            when
                loaded_at > {{ log_loss.day_after(log_loss.utc_now()) }}
                or predicted_at > {{ log_loss.day_after('loaded_at') }}
            then 'future_timestamp'
        end as rejection_reason
    from loaded

),

dated as (

    select
        *,
        cast(coalesce(predicted_at, loaded_at) as date) as dated_on,
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
    coalesce(model_version, '(unknown)') as model_version,
    predicted_at,
    coalesce(dated_on, {{ log_loss.undated() }}) as metric_date,
    recorded_at,
    coalesce(cast(recorded_at as date), {{ log_loss.undated() }}) as recorded_date,
    unchecked_recorded_at,
    class_count,
    {% for probability in probabilities -%}
    {{ probability }},
    {% endfor -%}
    {% for cohort in settings.cohorts -%}
    cohort_{{ loop.index }},
    {% endfor -%}
    {% for feature in log_loss.feature_columns() -%}
    {{ feature }},
    {% endfor -%}
    weight,
    rejection_reason
from dated
