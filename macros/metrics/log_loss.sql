{% macro negative_log_likelihood(probability_of_label, epsilon=none) %}
    {{- return(adapter.dispatch('negative_log_likelihood', 'log_loss')(
        probability_of_label, epsilon
    )) -}}
{% endmacro %}

{% macro default__negative_log_likelihood(probability_of_label, epsilon) -%}
    (-ln({{ log_loss.clip_probability(probability_of_label, epsilon) }}))
{%- endmacro %}


{# Not named `log_loss`: within the package that name would hide its namespace. #}
{% macro row_log_loss(label, probability, classes=none, epsilon=none) %}
    {{- return(adapter.dispatch('row_log_loss', 'log_loss')(
        label, probability, classes, epsilon
    )) -}}
{% endmacro %}

{% macro default__row_log_loss(label, probability, classes, epsilon) -%}
    {{ log_loss.negative_log_likelihood(
        log_loss.probability_of_label(label, probability, classes), epsilon
    ) }}
{%- endmacro %}


{% macro mean_log_loss(label, probability, classes=none, epsilon=none) %}
    {{- return(adapter.dispatch('mean_log_loss', 'log_loss')(
        label, probability, classes, epsilon
    )) -}}
{% endmacro %}

{% macro default__mean_log_loss(label, probability, classes, epsilon) -%}
    avg({{ log_loss.row_log_loss(label, probability, classes, epsilon) }})
{%- endmacro %}
