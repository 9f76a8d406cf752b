{# The lengths of the windows that drift is judged over, in days. #}
{% macro drift_windows() %}
    {{ return([1, 7]) }}
{% endmacro %}
