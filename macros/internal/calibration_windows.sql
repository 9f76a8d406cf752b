{# The lengths of the windows of calibration, in days. #}
{% macro calibration_windows() %}
    {{ return(adapter.dispatch('calibration_windows', 'log_loss')()) }}
{% endmacro %}

{% macro default__calibration_windows() %}
    {{ return([1, 7, 28]) }}
{% endmacro %}
