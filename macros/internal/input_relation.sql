{#
    The relation that a variable names as `project.model`. A bare model name works
    too, but dbt warns when a package refers to a root model without its project.
#}
{% macro input_relation(variable) %}
    {% set parts = log_loss.input_name(variable).split('.') %}
    {% if parts | length == 1 %}
        {{ return(ref(parts[0])) }}
    {% endif %}
    {{ return(ref(parts[0], parts[1])) }}
{% endmacro %}


{# What a variable names, or the package's own model where it is left null. #}
{% macro input_name(variable) %}
    {% set defaults = {
        'log_loss_thresholds': 'log_loss.log_loss_default_thresholds',
        'log_loss_suppressions': 'log_loss.log_loss_default_suppressions',
        'log_loss_deployments': 'log_loss.log_loss_default_deployments',
        'log_loss_training_metrics': 'log_loss.log_loss_default_training_metrics',
    } %}
    {{ return((log_loss.setting(variable) or defaults.get(variable)) | string) }}
{% endmacro %}
