{#
    Numbers that several places share and no variable sets.

        z_95              quantile of the normal distribution: 95 % lie within it
        least_row_count   rows from which a mean has an interval and a test a p-value
        least_class_count labels of each of two classes from which the same holds
        least_loss        the mean loss, in nats, that what rounds to less is taken for
        least_variance    the sum of p (1 - p), or of (y - p)^2, from which calibration
                          can be tested
        far_date          an open end, written as a date so that a join compares columns
        calibration_days, drift_days   the lengths of their windows, in days
#}
{% macro constants() %}
    {{ return({
        'z_95': 1.959963984540054,
        'least_row_count': 30,
        'least_class_count': 10,
        'least_loss': '1e-15',
        'least_variance': 25,
        'far_date': '9999-12-31',
        'calibration_days': [1, 7, 28],
        'drift_days': [1, 7],
    }) }}
{% endmacro %}


{# The far date as SQL. #}
{% macro far_date() -%}
{{ log_loss.date_literal(log_loss.constants().far_date) }}
{%- endmacro %}


{# The least mean loss as SQL, a double. #}
{% macro least_loss() -%}
{{ log_loss.double(log_loss.constants().least_loss) | trim }}
{%- endmacro %}


{# The quantile of the normal distribution for 95 % as SQL, a double. #}
{% macro z_95() -%}
{{ log_loss.double(log_loss.constants().z_95) | trim }}
{%- endmacro %}
