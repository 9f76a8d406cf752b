{#
    The raw value of a variable. While the inputs are the demo's, a variable left
    at its default takes the demo's value, so that naming inputs of one's own
    switches the whole demo off. `default` is for macros that a user's own SQL calls:
    dbt knows the package's variables only in the package's own nodes.
#}
{% macro setting(name, default=none) %}
    {% if default is not none %}
        {{ return(var(name, default)) }}
    {% endif %}
    {% set value = var(name) %}
    {% if var('log_loss_predictions') == 'log_loss.demo_predictions'
        and (value is none or value == []) %}
        {% set value = var('log_loss_demo_settings').get(name, value) %}
    {% endif %}
    {{ return(value) }}
{% endmacro %}
