{% macro spherical_score(label, probability, classes=none) %}
    {{- return(adapter.dispatch('spherical_score', 'log_loss')(
        label, probability, classes
    )) -}}
{% endmacro %}

{% macro default__spherical_score(label, probability, classes) -%}
    {%- set squares = [] -%}
    {%- for class in log_loss._classes(probability, classes) -%}
        {%- set p = '(' ~ class.probability ~ ')' -%}
        {%- do squares.append(log_loss.multiply(p, p)) -%}
    {%- endfor -%}
    {{ log_loss.probability_of_label(label, probability, classes) }}
    / sqrt({{ squares | join(' + ') }})
{%- endmacro %}
