{# Stops a generic test whose argument makes no sense; emits nothing. #}
{% macro check_test_argument(test, argument, received, is_valid, expected) %}
    {{- return(adapter.dispatch('check_test_argument', 'log_loss')(
        test, argument, received, is_valid, expected
    )) -}}
{% endmacro %}

{% macro default__check_test_argument(test, argument, received, is_valid, expected) %}
    {%- if execute and not is_valid -%}
        {%- do exceptions.raise_compiler_error(
            'log_loss: the argument `' ~ argument ~ '` of the test ' ~ test
            ~ ' is not usable. Received: ' ~ received ~ '. Fix: give ' ~ expected
            ~ '.'
        ) -%}
    {%- endif -%}
{% endmacro %}
