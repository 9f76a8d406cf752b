{#
    The relation that a variable names as `project.model`. A bare model name works
    too, but dbt warns when a package refers to a root model without its project.
#}
{% macro input_relation(variable) %}
    {{ return(adapter.dispatch('input_relation', 'log_loss')(variable)) }}
{% endmacro %}

{% macro default__input_relation(variable) %}
    {% set defaults = {
        'log_loss_thresholds': 'log_loss.log_loss_default_thresholds',
        'log_loss_suppressions': 'log_loss.log_loss_default_suppressions',
    } %}
    {% set name = (log_loss.setting(variable) or defaults.get(variable)) | string %}
    {% set parts = name.split('.') %}
    {% if parts | length == 1 %}
        {{ return(ref(parts[0])) }}
    {% endif %}
    {{ return(ref(parts[0], parts[1])) }}
{% endmacro %}
