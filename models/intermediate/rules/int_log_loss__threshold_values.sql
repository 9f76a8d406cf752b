{%- set settings = log_loss.configuration() -%}
-- What every rule measures, and how sure it has to be of it.
with

measured as (

    {% for family in ['loss', 'comparison', 'input'] -%}
    select * from {{ ref('int_log_loss__' ~ family ~ '_values') }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- one of many cohorts is worse by chance
counted as (

    select
        *,
        nullif(
            count(p_value) over (
                partition by rule, evaluation_date, model_name, model_version
            ), 0
        ) as test_count
    from measured

),

required as (

    select
        *,
        {{ log_loss.double(settings.ticket_p_value) }} / test_count as required_p_value
    from counted

),

deviates as (

    select
        *,
        {{ log_loss.normal_quantile('required_p_value') | indent(8) }}
            as required_deviate
    from required

),

detectable as (

    select
        *,
        case
            when p_value is not null
            then standard_error * {{ log_loss.student_t_quantile(
                'required_deviate', 'degrees_of_freedom'
            ) | indent(12) }}
        end as required_level_increase
    from deviates

)

select
    rule,
    evaluation_date,
    {{ log_loss.scope_columns() | join(',\n    ') }},
    label,
    window_start_date,
    window_end_date,
    value,
    sample_count,
    labeled_count,
    label_coverage,
    ci_lower,
    ci_upper,
    case
        when is_estimate then coalesce(ci_lower, commonest_ci_lower)
        else {{ log_loss.judged_size() | indent(8) }}
    end as judged_value,
    is_estimate and ci_lower is null as is_lower_bound,
    increase,
    baseline_value,
    baseline_source,
    case
        when p_value * test_count < 1 then p_value * test_count
        when p_value is not null then {{ log_loss.double(1) }}
    end as p_value,
    z_rows,
    z_days,
    case
        -- beyond that it means nothing, and engines stop
        when is_relative and required_level_increase < 100
        then exp(required_level_increase) - 1
        when is_relative then null
        else required_level_increase
    end as minimum_detectable,
    decided_finding,
    is_tested
from detectable
