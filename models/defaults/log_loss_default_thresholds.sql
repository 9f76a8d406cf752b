{%- do log_loss.configuration() -%}
-- Rules that hold for every model: broken numbers, and input that is turned away.
{%- for rule, warn_at, error_at in [
    ('non_finite_count', 'null', 0),
    ('rejected_share', '0.01', '0.05'),
    ('rejected_label_share', '0.01', '0.05'),
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
