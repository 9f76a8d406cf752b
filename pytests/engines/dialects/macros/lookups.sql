{% macro is_incremental() %}
    {{ return(var('is_incremental_run')) }}
{% endmacro %}


{# The type of a time with time zone differs; the other types only have to be right. #}
{% macro default__input_columns(variable) %}
    {% set zoned = {
        'bigquery': 'timestamp', 'databricks': 'timestamp', 'redshift': 'timestamptz',
        'snowflake': 'timestamp_tz',
    }[target.type] %}
    {% set plain = {
        'bigquery': 'datetime', 'databricks': 'timestamp_ntz', 'redshift': 'timestamp',
        'snowflake': 'timestamp_ntz',
    }[target.type] %}
    {% set text = 'string' if target.type in ('bigquery', 'databricks') else 'varchar' %}
    {% set double = log_loss.type_double() %}
    {% set types = {
        'log_loss_predictions': {
            'request_id': text, 'model_name': text, 'model_version': text,
            'predicted_at': plain, 'loaded_at': zoned, 'probability': double,
            'p_a': text, 'p_b': double, 'p_c': double, 'region': text, 'device': text,
            'amount': double,
        },
        'log_loss_labels': {
            'request_id': text, 'model_name': text, 'label': text,
            'labeled_at': zoned, 'loaded_at': text,
        },
    } %}
    {% set columns = {} %}
    {% for name, type in types.get(variable, {}).items() %}
        {% do columns.update({name: {
            'name': name | upper if target.type == 'snowflake' else name, 'type': type
        }}) %}
    {% endfor %}
    {{ return(columns or none) }}
{% endmacro %}


{# What the stored ledger would have said; the model `stored_ledger` is the query. #}
{% macro run_query(sql) %}
    {{ return({'rows': [('2024-03-20', none)]}) }}
{% endmacro %}
