{#
    The rows of a thresholds relation can be obeyed: returns each offending row with its
    problem. Reads the columns of stg_log_loss__thresholds.
#}
{% test thresholds_are_consistent(model) %}
with

counted as (

    select
        *,
        count(*) over (
            partition by rule, model_name, cohort_name, cohort_value, label
        ) as row_count,
        {{ log_loss.limit_sign() }} as sign
    from {{ model }}

),

checked as (

    select
        *,
        case
            when
                rule is null
                or rule not in (
                    '{{ log_loss.threshold_rules() | join("', '", attribute='name') }}'
                )
            then 'no such rule'
            when row_count > 1 then 'more than one row for the same scope'
            when
                warn_at is null and error_at is null
                and model_name = '*' and cohort_name = '*' and label = '*'
            then 'no limit is given, and nothing that the rule is switched off for'
            when
                not coalesce(abs(warn_at) <= {{ log_loss.largest_double() }}, 1 = 1)
                or not coalesce(
                    abs(error_at) <= {{ log_loss.largest_double() }}, 1 = 1
                )
            then 'a limit is not a finite number'
            when
                rule in {{ log_loss.rules_with('is_two_sided', true) }}
                and (warn_at < 0 or error_at < 0)
            then 'a limit is negative, and applies to the size of a value'
            when sign * warn_at > sign * error_at
            then 'error_at is reached before warn_at'
            when min_labeled_count < 0 or not (min_coverage between 0 and 1)
            then 'min_labeled_count is negative or min_coverage is no share'
            when cohort_name = '*' and cohort_value <> '*'
            then 'cohort_value is given without cohort_name'
            when
                rule not in {{ log_loss.rules_with('grain', 'cohort') }}
                and rule not in {{ log_loss.rules_with('grain', 'feature') }}
                and cohort_name not in ('*', 'all')
            then 'a cohort is given, and the rule has none'
            when
                rule not in {{ log_loss.rules_with('grain', 'label') }}
                and label not in ('*', 'all')
            then 'a label is given, and the rule has none'
            when rule = 'cohort_log_loss' and cohort_name = 'all'
            then 'the whole is no cohort; mean_log_loss judges it'
            when rule = 'class_log_loss' and label = 'all'
            then 'all is no label; mean_log_loss judges the whole'
            when
                rule in {{ log_loss.rules_with('has_coverage', false) }}
                and min_coverage > 0
            then 'min_coverage is given, and the rule does not rest on labels'
        end as problem
    from counted

)

select
    rule,
    model_name,
    cohort_name,
    cohort_value,
    label,
    warn_at,
    error_at,
    min_labeled_count,
    min_coverage,
    problem
from checked
where problem is not null
{% endtest %}
