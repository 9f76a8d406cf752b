{# The lengths of the windows that drift is judged over, in days. #}
{% macro drift_windows() %}
    {{ return(adapter.dispatch('drift_windows', 'log_loss')()) }}
{% endmacro %}

{% macro default__drift_windows() %}
    {{ return([1, 7]) }}
{% endmacro %}
