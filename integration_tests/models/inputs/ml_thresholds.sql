-- The bank's limits.
{%- set limits = [
    ('mean_log_loss', '*', '*', '*', '*', 0.95, 1.10, 40, 0.5),
    ('mean_log_loss', 'card_fraud', '*', '*', '*', 0.75, 0.90, 40, 0.5),
    ('mean_log_loss', 'repayment', '*', '*', '*', 0.10, 0.20, 20, 0.5),
    ('cohort_log_loss', 'card_fraud', 'channel', '*', '*', 0.95, 1.10, 20, 0.5),
    ('cohort_log_loss', 'card_fraud', 'channel', 'web', '*', 0.05, none, 20, 0.5),
    ('class_log_loss', 'card_fraud', '*', '*', 'fraud', 2.00, 2.50, 20, 0.5),
    ('label_coverage', '*', '*', '*', '*', 0.60, 0.40, 20, 0),
    ('correction_rate', '*', '*', '*', '*', 0.80, none, 0, 0),
    ('rejected_share', '*', '*', '*', '*', 0.10, 0.50, 20, 0),
    ('non_finite_count', '*', '*', '*', '*', none, 0, 0, 0),
] %}

{% for (
    rule, model_name, cohort_name, cohort_value, label,
    warn_at, error_at, min_labeled_count, min_coverage
) in limits -%}
select
    '{{ rule }}' as rule,
    '{{ model_name }}' as model_name,
    '{{ cohort_name }}' as cohort_name,
    '{{ cohort_value }}' as cohort_value,
    '{{ label }}' as label,
    cast({{ 'null' if warn_at is none else warn_at }} as {{ log_loss.type_double() }})
        as warn_at,
    cast({{ 'null' if error_at is none else error_at }} as {{ log_loss.type_double() }})
        as error_at,
    {{ min_labeled_count }} as min_labeled_count,
    cast({{ min_coverage }} as {{ log_loss.type_double() }}) as min_coverage
{{ 'union all' if not loop.last }}
{% endfor %}
