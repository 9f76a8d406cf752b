{#
    The raw value of a variable. While the inputs are the demo's, a variable left
    at its default takes the demo's value, so that naming inputs of one's own
    switches the whole demo off. `default` is for macros that a user's own SQL calls:
    dbt knows the package's variables only in the package's own nodes.
#}
{% macro setting(name, default=none) %}
    {% if default is not none %}
        {{ return(var(name, default)) }}
    {% endif %}
    {% set value = var(name) %}
    {% if var('log_loss_predictions') == 'log_loss.demo_predictions'
        and (value is none or value == []) %}
        {% set value = var('log_loss_demo_settings').get(name, value) %}
    {% endif %}
    {{ return(value) }}
{% endmacro %}


{#
    The package's settings, checked and in the shape that the models use:

        epsilon, probability_sum_tolerance, weight, cohorts,
        features: [{column, is_numeric, bin_width}], the last none or a number
        models: [{name, classes: [{label, column, spelling}]}]
        class_counts: the distinct numbers of classes, ascending
        unique_predictions, label_horizon_days,
        as_of_date, lookback_days, reprocess_from, mature_days, mature_coverage,
        correction_absolute, correction_relative, evaluation_days,
        gates, alert_history_days, hourly_days, minimum_increase, ticket_p_value,
        page_p_value,
        baseline: {
            is_trailing, is_validation, days, min_days, gap_days, start_date, end_date
        }
        stratum: the cohort column that versions are compared within, or all
        estimate: {horizon_days, history_days}
        rollback_margin, promote_margin: in nats, the second may be none
        error_budget: {relative, absolute, days, page, ticket}, the last two
            {long_days, short_days, factor}

    Looks at variables only, never at the warehouse. Every staging model and ledger
    calls it, so a wrong setting stops before the package's first query; and as
    nothing is checked while parsing, it cannot stop a run that leaves the package out.
    The first entry of `models` is the one for undeclared models, with name none.
#}
{% macro configuration() %}
    {% if not execute %}
        {{ return(log_loss._settings_while_parsing()) }}
    {% endif %}
    {#
        Checked once a run and kept where all its nodes find it: by each of them it took
        two seconds of the demo's build. Unit tests have settings of their own.
    #}
    {% set is_unit_test = model is defined and model.resource_type == 'unit_test' %}
    {% set kept = graph.get('log_loss_settings', {}) %}
    {% if is_unit_test or kept.get('invocation_id') != invocation_id %}
        {% set kept = {
            'invocation_id': invocation_id, 'settings': log_loss._checked_settings()
        } %}
        {% if not is_unit_test %}
            {% do graph.update({'log_loss_settings': kept}) %}
        {% endif %}
    {% endif %}
    {{ return(kept.settings) }}
{% endmacro %}


{# The model that is not declared: binary, with the labels 0 and 1. #}
{% macro _undeclared_model() %}
    {{ return({
        'name': none,
        'classes': [
            {'label': '0', 'column': none, 'spelling': '0'},
            {'label': '1', 'column': 'probability', 'spelling': '1'},
        ],
    }) }}
{% endmacro %}


{# What macros find while dbt looks for references, and may not read variables yet. #}
{% macro _settings_while_parsing() %}
    {{ return({
        'epsilon': 1e-15, 'probability_sum_tolerance': 1e-3, 'weight': none,
        'cohorts': [], 'features': [], 'models': [log_loss._undeclared_model()],
        'class_counts': [2], 'unique_predictions': false, 'label_horizon_days': none,
        'as_of_date': none, 'lookback_days': 3, 'reprocess_from': none,
        'mature_days': 14, 'mature_coverage': 0.8, 'correction_absolute': 0.01,
        'correction_relative': 0.02, 'evaluation_days': 7, 'gates': 'thresholds',
        'alert_history_days': 90, 'hourly_days': 3, 'minimum_increase': 0.01,
        'ticket_p_value': 0.005, 'page_p_value': 0.001,
        'baseline': {
            'is_trailing': false, 'is_validation': false, 'days': 56, 'min_days': 28,
            'gap_days': 0, 'start_date': none, 'end_date': none,
        },
        'error_budget': log_loss._default_error_budget(),
        'stratum': 'all', 'rollback_margin': 0, 'promote_margin': none,
        'estimate': {'horizon_days': 28, 'history_days': 90},
    }) }}
{% endmacro %}


{# The settings, looked up and checked. #}
{% macro _checked_settings() %}
    {% set demo_inputs = [] %}
    {% for variable in ['log_loss_predictions', 'log_loss_labels'] %}
        {% if (var(variable) | string).startswith('log_loss.demo_') %}
            {% do demo_inputs.append(variable) %}
        {% endif %}
    {% endfor %}
    {% if demo_inputs | length == 1 %}
        {% do log_loss.configuration_error(
            demo_inputs[0], var(demo_inputs[0]) ~ ', the demo, beside another input '
            ~ 'of your own',
            'name your own model, as project.model.'
        ) %}
    {% endif %}

    {% set models = [log_loss._undeclared_model()] + log_loss._declared_models() %}
    {% set class_counts = [] %}
    {% for model in models if model.classes | length not in class_counts %}
        {% do class_counts.append(model.classes | length) %}
    {% endfor %}

    {{ return({
        'epsilon': log_loss._number(
            'log_loss_epsilon', above=0, below=0.5
        ),
        'probability_sum_tolerance': log_loss._number(
            'log_loss_probability_sum_tolerance', above=0, below=1
        ),
        'weight': log_loss._weight(),
        'cohorts': log_loss._cohorts(),
        'features': log_loss._features(),
        'models': models,
        'class_counts': class_counts | sort,
        'unique_predictions': log_loss._switch('log_loss_unique_predictions'),
        'label_horizon_days': log_loss._whole_number(
            'log_loss_label_horizon_days', 1
        ) if log_loss.setting('log_loss_label_horizon_days') is not none else none,
        'as_of_date': log_loss._date('log_loss_as_of_date'),
        'lookback_days': log_loss._whole_number('log_loss_lookback_days', 0),
        'reprocess_from': log_loss._date('log_loss_reprocess_from'),
        'mature_days': log_loss._whole_number('log_loss_mature_days', 0),
        'mature_coverage': log_loss._number(
            'log_loss_mature_coverage', above=0, at_most=1
        ),
        'correction_absolute': log_loss._number(
            'log_loss_correction_absolute', at_least=0
        ),
        'correction_relative': log_loss._number(
            'log_loss_correction_relative', at_least=0
        ),
        'evaluation_days': log_loss._whole_number('log_loss_evaluation_days', 1),
        'gates': log_loss._choice('log_loss_gates', ['thresholds', 'alerts']),
        'alert_history_days': log_loss._whole_number('log_loss_alert_history_days', 1),
        'hourly_days': log_loss._whole_number('log_loss_hourly_days', 1),
        'minimum_increase': log_loss._number('log_loss_minimum_increase', at_least=0),
        'ticket_p_value': log_loss._number('log_loss_ticket_p_value', above=0, below=0.5),
        'page_p_value': log_loss._number('log_loss_page_p_value', above=0, below=0.5),
        'baseline': log_loss._baseline(),
        'error_budget': log_loss._error_budget(),
        'stratum': log_loss._stratum(),
        'estimate': {
            'horizon_days': log_loss._whole_number('log_loss_estimate_horizon_days', 2),
            'history_days': log_loss._whole_number('log_loss_estimate_history_days', 1),
        },
        'rollback_margin': log_loss._number('log_loss_rollback_margin', at_least=0),
        'promote_margin': log_loss._number('log_loss_promote_margin', above=0)
            if log_loss.setting('log_loss_promote_margin') is not none else none,
    }) }}
{% endmacro %}
