{# The lengths of the windows of calibration, in days. #}
{% macro calibration_windows() %}
    {{ return([1, 7, 28]) }}
{% endmacro %}
