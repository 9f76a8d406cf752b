{%- do log_loss.configuration() -%}
-- Rules that hold for every model: broken numbers, and input that is turned away.
select
    'non_finite_count' as rule,
    '*' as model_name,
    '*' as cohort_name,
    '*' as cohort_value,
    '*' as label,
    cast(null as {{ log_loss.type_double() }}) as warn_at,
    {{ log_loss.double(0) }} as error_at,
    cast(0 as {{ dbt.type_bigint() }}) as min_labeled_count,
    {{ log_loss.double(0) }} as min_coverage

union all

select
    'rejected_share' as rule,
    '*' as model_name,
    '*' as cohort_name,
    '*' as cohort_value,
    '*' as label,
    {{ log_loss.double('0.01') }} as warn_at,
    {{ log_loss.double('0.05') }} as error_at,
    cast(0 as {{ dbt.type_bigint() }}) as min_labeled_count,
    {{ log_loss.double(0) }} as min_coverage

union all

select
    'rejected_label_share' as rule,
    '*' as model_name,
    '*' as cohort_name,
    '*' as cohort_value,
    '*' as label,
    {{ log_loss.double('0.01') }} as warn_at,
    {{ log_loss.double('0.05') }} as error_at,
    cast(0 as {{ dbt.type_bigint() }}) as min_labeled_count,
    {{ log_loss.double(0) }} as min_coverage
