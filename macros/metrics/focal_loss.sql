{% macro focal_loss(label, probability, classes=none, gamma=2, epsilon=none) %}
    {{- return(adapter.dispatch('focal_loss', 'log_loss')(
        label, probability, classes, gamma, epsilon
    )) -}}
{% endmacro %}

{% macro default__focal_loss(label, probability, classes, gamma, epsilon) -%}
    {{ log_loss.focal_loss_of(
        log_loss.probability_of_label(label, probability, classes), gamma, epsilon
    ) }}
{%- endmacro %}


{% macro focal_loss_of(probability_of_label, gamma=2, epsilon=none) %}
    {{- return(adapter.dispatch('focal_loss_of', 'log_loss')(
        probability_of_label, gamma, epsilon
    )) -}}
{% endmacro %}

{# where gamma is 2, what is left of one is multiplied: a power is slow #}
{% macro default__focal_loss_of(probability_of_label, gamma, epsilon) -%}
    {%- set clipped = '(' ~ log_loss.clip_probability(probability_of_label, epsilon) ~ ')' -%}
    {%- set rest = '(1 - ' ~ clipped ~ ')' -%}
    (
        -ln({{ clipped }})
        * {% if gamma == 2 %}{{ rest }} * {{ rest }}
        {%- else %}power({{ rest }}, {{ log_loss.double(gamma) }}){% endif %}
    )
{%- endmacro %}
