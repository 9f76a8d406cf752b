{% macro normalize_label(label) %}
    {{- return(adapter.dispatch('normalize_label', 'log_loss')(label)) -}}
{% endmacro %}

{% macro default__normalize_label(label) -%}
    {%- set text = 'lower(trim(cast(' ~ label ~ ' as ' ~ dbt.type_string() ~ ')))' -%}
    case {{ text }}
        when 'true' then '1'
        when 'false' then '0'
        else {{ log_loss.strip_zero_decimals(text) }}
    end
{%- endmacro %}


{# The same normalisation of a declared label, while compiling. #}
{% macro normalized_spelling(label) %}
    {{- return(adapter.dispatch('normalized_spelling', 'log_loss')(label)) -}}
{% endmacro %}

{% macro default__normalized_spelling(label) %}
    {% set text = label | string | trim | lower %}
    {% set stem = text.rstrip('0') %}
    {% if text in ('true', 'false') %}
        {{ return('1' if text == 'true' else '0') }}
    {% elif stem != text and stem.endswith('.') %}
        {{ return(stem[:-1]) }}
    {% endif %}
    {{ return(text) }}
{% endmacro %}
