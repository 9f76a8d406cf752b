{% macro brier_score(label, probability, classes=none) %}
    {{- return(adapter.dispatch('brier_score', 'log_loss')(
        label, probability, classes
    )) -}}
{% endmacro %}

{% macro default__brier_score(label, probability, classes) -%}
    {%- set all_classes = log_loss._classes(probability, classes) -%}
    {#- two classes: the positive one alone, as scikit-learn's brier_score_loss -#}
    {%- set summed = all_classes[1:] if all_classes | length == 2 else all_classes -%}
    (
    {%- for class in summed %}
    {%- set difference %}
        {{ class.probability }}
        - case {{ log_loss._comparable_label(label, classes) }}
        {%- for other in all_classes %}
            when {{ other.literal }}
            then {{ log_loss.double(1 if other.literal == class.literal else 0) }}
        {%- endfor %}
        end
    {%- endset %}
    {{ '+ ' if not loop.first }}{{ log_loss.multiply(difference, difference) }}
    {%- endfor %}
    )
{%- endmacro %}
