{% macro entropy(probabilities) %}
    {{- return(adapter.dispatch('entropy', 'log_loss')(probabilities)) -}}
{% endmacro %}

{# 0 ln 0 = 0; a null stands for a class the model does not have #}
{% macro default__entropy(probabilities) -%}
(
    {%- for expression in probabilities %}
    {%- set probability = '(' ~ expression ~ ')' %}
    {{ '- ' if not loop.first else '0 - ' }}case
        when {{ probability }} > 0 then {{ probability }} * ln({{ probability }})
        else {{ log_loss.double(0) }}
    end
    {%- endfor %}
)
{%- endmacro %}


{% macro squared_log_probability(probabilities) %}
    {{- return(adapter.dispatch('squared_log_probability', 'log_loss')(
        probabilities
    )) -}}
{% endmacro %}

{% macro default__squared_log_probability(probabilities) -%}
(
    {%- for expression in probabilities %}
    {%- set probability = '(' ~ expression ~ ')' %}
    {{ '+ ' if not loop.first }}case
        when {{ probability }} > 0
        then {{ probability }} * ln({{ probability }}) * ln({{ probability }})
        else {{ log_loss.double(0) }}
    end
    {%- endfor %}
)
{%- endmacro %}


{% macro binary_cross_entropy(share, probability, epsilon=none) %}
    {{- return(adapter.dispatch('binary_cross_entropy', 'log_loss')(
        share, probability, epsilon
    )) -}}
{% endmacro %}

{% macro default__binary_cross_entropy(share, probability, epsilon) -%}
    {%- set share = '(' ~ share ~ ')' -%}
    {%- set rest = '1 - (' ~ probability ~ ')' -%}
    (
        {{ share }} * {{ log_loss.negative_log_likelihood(probability, epsilon) }}
        + (1 - {{ share }}) * {{ log_loss.negative_log_likelihood(rest, epsilon) }}
    )
{%- endmacro %}
