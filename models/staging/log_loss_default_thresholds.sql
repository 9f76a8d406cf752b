{%- set settings = log_loss.configuration() -%}
{%- set limits_of_settings = {
    'log_loss_error_budget.page.factor': settings.error_budget.page.factor,
    'log_loss_error_budget.ticket.factor': settings.error_budget.ticket.factor,
    'log_loss_rollback_margin': settings.rollback_margin,
} -%}
-- Rules that hold for every model: broken numbers, input that is rejected or comes
-- twice, losses above the model's own baseline, labels that are not what the scores
-- expect, and predictions that are not those of the past.
{%- for rule in log_loss.threshold_rules() if rule.warn_at or rule.error_at %}
{{ 'union all\n' if not loop.first }}
select
    '{{ rule.name }}' as rule,
    '*' as model_name,
    '*' as cohort_name,
    '*' as cohort_value,
    '*' as label,
    {{ log_loss.double(
        limits_of_settings.get(rule.warn_at, rule.warn_at or 'null')
    ) }} as warn_at,
    {{ log_loss.double(
        limits_of_settings.get(rule.error_at, rule.error_at or 'null')
    ) }} as error_at,
    cast(0 as {{ dbt.type_bigint() }}) as min_labeled_count,
    {{ log_loss.double(0) }} as min_coverage
{%- endfor %}
