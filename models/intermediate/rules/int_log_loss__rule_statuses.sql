{%- set settings = log_loss.configuration() -%}
{%- set scope_of = log_loss.scope_columns -%}
{%- set series -%}
partition by
                rule,
                {{ log_loss.scope_columns() | join(', ') }},
                label
{%- endset %}

-- What each rule said at the end of each as-of date, on what was known by then.
with

family_values as (

    {% for family in ['losses', 'comparisons', 'inputs'] -%}
    select * from {{ ref('int_log_loss__rule_values_' ~ family) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- one of many cohorts is worse by chance
counted_tests as (

    select
        *,
        nullif(
            count(p_value) over (
                partition by rule, as_of_date, model_name, model_version
            ), 0
        ) as test_count
    from family_values

),

required_p_values as (

    select
        *,
        {{ log_loss.double(settings.ticket_p_value) }} / test_count as required_p_value
    from counted_tests

),

required_deviates as (

    select
        *,
        {{ log_loss.normal_quantile('required_p_value') }}
            as required_deviate
    from required_p_values

),

detectable_increases as (

    select
        *,
        case
            when p_value is not null
            then standard_error * {{ log_loss.student_t_quantile(
                'required_deviate', 'degrees_of_freedom'
            ) }}
        end as required_level_increase
    from required_deviates

),

-- what every rule measures, and how sure it has to be of it
measured as (

    select
        rule,
        as_of_date,
        {{ log_loss.scope_columns() | join(', ') }},
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
            else {{ log_loss.evaluated_size() }}
        end as evaluated_value,
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
        decided_status,
        is_tested
    from detectable_increases

),

thresholds as (

    select * from {{ ref('stg_log_loss__thresholds') }}

),

-- the most specific row wins: model before cohort value, cohort and label
matched as (

    select
        measured.*,
        thresholds.warn_at,
        thresholds.error_at,
        thresholds.min_labeled_count,
        thresholds.min_coverage,
        row_number() over (
            partition by
                measured.rule,
                measured.as_of_date,
                {{ scope_of('measured') | join(', ') }},
                measured.label
            order by
                case when thresholds.model_name = '*' then 1 else 0 end,
                case when thresholds.cohort_value = '*' then 1 else 0 end,
                case when thresholds.cohort_name = '*' then 1 else 0 end,
                case when thresholds.label = '*' then 1 else 0 end
        ) as specificity_rank
    from measured
    inner join thresholds
        on
            measured.rule = thresholds.rule
            and thresholds.model_name in (measured.model_name, '*')
            and thresholds.cohort_name in (measured.cohort_name, '*')
            and thresholds.cohort_value in (measured.cohort_value, '*')
            and thresholds.label in (measured.label, '*')

),

evaluated as (

    select
        *,
        {{ log_loss.limit_sign() }} as sign,
        {{ log_loss.evaluated_size() }} as size,
        -- how days vary in training, nobody knows: nothing is an error against it
        case
            when coalesce(baseline_source, '') <> 'validation' then error_at
        end as error_limit,
        case
            when baseline_source = 'validation' then coalesce(warn_at, error_at)
            else warn_at
        end as warn_limit,
        is_tested and increase < {{ log_loss.double(settings.minimum_increase) }}
            as is_negligible
    from matched
    where
        specificity_rank = 1
        -- a row without limits switches the rule off
        and (warn_at is not null or error_at is not null)

),

window_statuses as (

    select
        *,
        case
            when decided_status is not null then decided_status
            when
                evaluated_value is null
                or (is_tested and p_value is null)
                or sample_count < min_labeled_count
                or (
                    rule in {{ log_loss.rules_with('has_coverage', true) }}
                    and coalesce(label_coverage, 0) < min_coverage
                )
            then 'insufficient_data'
            when is_negligible then 'ok'
            -- written so that a NaN is a breach on every engine
            when
                error_limit is not null
                and not (sign * evaluated_value <= sign * error_limit)
                and (
                    not is_tested
                    or p_value < {{ log_loss.double(settings.page_p_value) }}
                )
            then 'error'
            when
                warn_limit is not null
                and not (sign * evaluated_value <= sign * warn_limit)
                and (
                    not is_tested
                    or p_value < {{ log_loss.double(settings.ticket_p_value) }}
                )
            then 'warn'
            -- a bound from below can show a breach, and never that there is none
            when is_lower_bound then 'insufficient_data'
            else 'ok'
        end as window_status,
        -- by its size alone
        case
            when is_negligible or size is null then 'ok'
            when error_limit is not null and not (sign * size <= sign * error_limit)
            then 'error'
            when warn_limit is not null and not (sign * size <= sign * warn_limit)
            then 'warn'
            else 'ok'
        end as size_status
    from evaluated

),

ordered as (

    select
        *,
        case window_status when 'error' then 2 when 'warn' then 1 else 0 end
            as severity,
        -- the last evaluation that had enough data
        max(
            case when window_status in ('ok', 'warn', 'error') then as_of_date end
        ) over (
            {{ series }}
            order by as_of_date
            rows between unbounded preceding and 1 preceding
        ) as previous_as_of_date,
        lag(window_end_date) over (
            {{ series }}
            order by as_of_date
        ) as last_window_end_date,
        lag(case window_status when 'error' then 2 when 'warn' then 1 else 0 end) over (
            {{ series }}
            order by as_of_date
        ) as last_severity
    from window_statuses

),

numbered as (

    select
        *,
        case when window_end_date = last_window_end_date then 0 else 1 end
            as is_new_window,
        sum(case when window_end_date = last_window_end_date then 0 else 1 end) over (
            {{ series }}
            order by as_of_date
            rows between unbounded preceding and current row
        ) as window_number
    from ordered

),

-- what was found by the last evaluation of the window before: always an earlier one, so
-- that nothing that comes later changes a status
rated as (

    select
        *,
        max(case when is_new_window = 1 then last_severity end) over (
            {{ series }},
                window_number
        ) as previous_severity
    from numbered

)

select
    rule,
    as_of_date,
    previous_as_of_date,
    {{ log_loss.scope_columns() | join(', ') }},
    label,
    window_start_date,
    window_end_date,
    value,
    sample_count,
    labeled_count,
    label_coverage,
    ci_lower,
    ci_upper,
    evaluated_value,
    increase,
    baseline_value,
    p_value,
    z_rows,
    z_days,
    minimum_detectable,
    warn_at,
    error_at,
    min_labeled_count,
    min_coverage,
    window_status,
    case when window_status = 'insufficient_data' then size_status end
        as unproven_status,
    -- what a test finds may be chance: it has to be found twice, of two windows
    case
        when
            severity = 0
            or rule not in {{ log_loss.rules_with('needs_two_windows', true) }}
        then window_status
        when coalesce(previous_severity, 0) = 0 then 'ok'
        when severity = 2 and previous_severity = 2 then 'error'
        else 'warn'
    end as status
from rated
