{# Stops with one message: the variable, what was received, the fix. #}
{% macro configuration_error(variable, received, fix) %}
    {% do exceptions.raise_compiler_error(
        'log_loss: the variable `' ~ variable ~ '` is not usable. Received: '
        ~ received ~ '. Fix: ' ~ fix
    ) %}
{% endmacro %}
