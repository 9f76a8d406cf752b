{% macro predicted_class(probabilities) %}
    {{- return(adapter.dispatch('predicted_class', 'log_loss')(probabilities)) -}}
{% endmacro %}

{% macro default__predicted_class(probabilities) -%}
    {%- if probabilities | length == 2 -%}
    case when ({{ probabilities[1] }}) >= {{ log_loss.double(0.5) }} then 2 else 1 end
    {%- else -%}
    case
    {%- for probability in probabilities[:-1] %}
        when
        {%- for other in probabilities[loop.index:] %}
            {{ 'and ' if not loop.first }}({{ probability }}) >= ({{ other }})
        {%- endfor %}
        then {{ loop.index }}
    {%- endfor %}
        else {{ probabilities | length }}
    end
    {%- endif -%}
{%- endmacro %}
