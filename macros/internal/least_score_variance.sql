{#
    The sum of p (1 - p) from which on the tests of calibration speak, and cohorts have
    rows of their own.
#}
{% macro least_score_variance() %}
    {{- return(adapter.dispatch('least_score_variance', 'log_loss')()) -}}
{% endmacro %}

{% macro default__least_score_variance() %}
    {{- return(25) -}}
{% endmacro %}
