{#
    The rules that a thresholds relation may name:

        bad_side      the side of its limits on which a value is bad
        grain         what it has one value of: a version, a cohort or a label
        has_coverage  whether it rests on labels, so that min_coverage says something
#}
{% macro threshold_rules() %}
    {{ return(adapter.dispatch('threshold_rules', 'log_loss')()) }}
{% endmacro %}

{% macro default__threshold_rules() %}
    {% set rules = {} %}
    {% for rule, bad_side, grain, has_coverage in [
        ('mean_log_loss', 'above', 'version', true),
        ('cohort_log_loss', 'above', 'cohort', true),
        ('class_log_loss', 'above', 'label', true),
        ('clipped_loss_share', 'above', 'version', true),
        ('correction_rate', 'above', 'version', true),
        ('label_coverage', 'below', 'cohort', false),
        ('rejected_share', 'above', 'version', false),
        ('rejected_label_share', 'above', 'version', false),
        ('non_finite_count', 'above', 'version', false),
    ] %}
        {% do rules.update({rule: {
            'bad_side': bad_side, 'grain': grain, 'has_coverage': has_coverage
        }}) %}
    {% endfor %}
    {{ return(rules) }}
{% endmacro %}


{# -1 where low values are bad, so that a lower limit compares like an upper one. #}
{% macro limit_sign() %}
    {{- return(adapter.dispatch('limit_sign', 'log_loss')()) -}}
{% endmacro %}

{% macro default__limit_sign() -%}
    case when rule in {{ log_loss.rules_with('bad_side', 'below') }} then -1 else 1 end
{%- endmacro %}


{# The rules with a property, as the SQL list of an `in`. #}
{% macro rules_with(property, value) %}
    {{- return(adapter.dispatch('rules_with', 'log_loss')(property, value)) -}}
{% endmacro %}

{% macro default__rules_with(property, value) %}
    {%- set names = [] -%}
    {%- for rule, properties in log_loss.threshold_rules().items()
        if properties[property] == value -%}
        {%- do names.append(rule) -%}
    {%- endfor -%}
    {{- return("('" ~ names | join("', '") ~ "')") -}}
{% endmacro %}
