{%- set settings = log_loss.configuration() -%}
{%- set budget = settings.error_budget -%}
-- Rules that hold for every model: broken numbers, input that is turned away or comes
-- twice, losses above the model's own baseline, labels that are not what the scores
-- promised, and predictions that are not those of the past.
{%- for rule, warn_at, error_at in [
    ('non_finite_count', 'null', 0),
    ('rejected_share', '0.01', '0.05'),
    ('rejected_label_share', '0.01', '0.05'),
    ('duplicate_share', '0.05', 'null'),
    ('mean_log_loss_increase', '0.10', '0.10'),
    ('cohort_log_loss_increase', '0.20', '0.30'),
    ('class_log_loss_increase', '0.20', 'null'),
    ('label_coverage_drop', '0.05', '0.20'),
    ('fast_burn_rate', 'null', budget.page.factor),
    ('slow_burn_rate', budget.ticket.factor, 'null'),
    ('log_loss_trend', '0.10', 'null'),
    ('calibration_gap', '0.10', 'null'),
    ('event_share_shift', '0.10', 'null'),
    ('score_drift', '0.10', '0.25'),
    ('feature_drift', '0.10', '0.25'),
    ('canary_difference', 'null', settings.rollback_margin),
] %}
{{ 'union all\n' if not loop.first }}
select
    '{{ rule }}' as rule,
    '*' as model_name,
    '*' as cohort_name,
    '*' as cohort_value,
    '*' as label,
    {{ log_loss.double(warn_at) }} as warn_at,
    {{ log_loss.double(error_at) }} as error_at,
    cast(0 as {{ dbt.type_bigint() }}) as min_labeled_count,
    {{ log_loss.double(0) }} as min_coverage
{%- endfor %}
