{#
    The rules that a thresholds relation may name, as data. `make docs-tables` writes the
    tables of the README and of docs/runbooks from it.

        name          what thresholds, statuses and alerts call it; docs/runbooks/<name>.md
        value         what it measures, and `unit` in which unit
        alarm         when it fires, in a line
        grain         what it has one value of: a version, a cohort, a label or a feature,
                      which stands where others have a cohort
        days          the days that it is evaluated on
        warn_at, error_at   the default limits; a text names the setting that has it
        bad_side      `below` where low values are bad
        has_coverage  whether it rests on labels, so that min_coverage says something
        may_page      whether an error wakes somebody; other rules open a ticket
        has_loss_baseline  whether it is a loss above a baseline
        needs_two_windows  whether a finding counts once it was found in two windows
        is_two_sided  whether its limits apply to the size of a value, whatever its sign
        is_drift      whether it is an index that two samples alike have some of
        can_be_immature  whether a version whose recent days are all too young has a row
                      that says so
        revised_over  over which days its mean loss can be taken again with later labels:
                      the `evaluation` window, or the two windows of the error budget's
                      `page` or `ticket`
#}
{% macro threshold_rules() %}
    {% set mature = 'the last mature days' %}
    {% set aged = '28 days, all at least `log_loss_mature_days` old' %}
    {% set week = 'the last 7 days with predictions' %}
    {% set loads = 'the rows loaded last' %}
    {{ return([
        {'name': 'mean_log_loss', 'grain': 'version', 'days': mature,
         'value': 'mean loss of a version', 'unit': 'nats',
         'alarm': 'the mean loss of a version is above a limit',
         'has_coverage': true, 'may_page': true, 'can_be_immature': true,
         'revised_over': 'evaluation'},
        {'name': 'cohort_log_loss', 'grain': 'cohort', 'days': mature,
         'value': 'mean loss of each cohort', 'unit': 'nats',
         'alarm': 'the mean loss of a cohort is above a limit',
         'has_coverage': true, 'may_page': true, 'revised_over': 'evaluation'},
        {'name': 'class_log_loss', 'grain': 'label', 'days': mature,
         'value': 'mean loss of the rows of each label', 'unit': 'nats',
         'alarm': 'the mean loss of the rows of one label is above a limit',
         'has_coverage': true, 'revised_over': 'evaluation'},
        {'name': 'class_log_loss_ratio', 'grain': 'label', 'days': mature,
         'value': 'mean loss of the rows of each label over that of all rows',
         'unit': 'ratio', 'alarm': 'one label costs too many times the mean of all rows',
         'has_coverage': true},
        {'name': 'weighted_log_loss', 'grain': 'version', 'days': mature,
         'value': 'mean loss weighted by `log_loss_weight`', 'unit': 'nats',
         'alarm': 'the weighted mean loss is above a limit', 'has_coverage': true,
         'can_be_immature': true},
        {'name': 'p95_log_loss', 'grain': 'version', 'days': mature,
         'value': 'loss that one row in 20 exceeds', 'unit': 'nats',
         'alarm': 'one row in 20 loses more than a limit', 'has_coverage': true,
         'can_be_immature': true},
        {'name': 'p99_log_loss', 'grain': 'version', 'days': mature,
         'value': 'loss that one row in 100 exceeds', 'unit': 'nats',
         'alarm': 'one row in 100 loses more than a limit', 'has_coverage': true,
         'can_be_immature': true},
        {'name': 'validation_log_loss_ratio', 'grain': 'version', 'days': mature,
         'value': 'mean loss over the validation loss that training measured',
         'unit': 'ratio',
         'alarm': 'production loses too many times what training measured',
         'has_coverage': true},
        {'name': 'mean_log_loss_increase', 'grain': 'version', 'days': mature,
         'value': 'relative difference of the mean loss from its baseline',
         'unit': 'share', 'alarm': 'a version is worse than its baseline',
         'warn_at': '0.10', 'error_at': '0.10', 'has_coverage': true, 'may_page': true,
         'has_loss_baseline': true, 'needs_two_windows': true, 'can_be_immature': true,
         'revised_over': 'evaluation'},
        {'name': 'cohort_log_loss_increase', 'grain': 'cohort', 'days': mature,
         'value': 'relative difference of the mean loss of each cohort from its baseline',
         'unit': 'share',
         'alarm': 'a cohort is worse than its baseline, the rest of its version less so',
         'warn_at': '0.20', 'error_at': '0.30', 'has_coverage': true, 'may_page': true,
         'has_loss_baseline': true, 'needs_two_windows': true,
         'revised_over': 'evaluation'},
        {'name': 'class_log_loss_increase', 'grain': 'label', 'days': mature,
         'value': 'relative difference of the mean loss of each label from its baseline',
         'unit': 'share', 'alarm': 'the rows of one label are worse than their baseline',
         'warn_at': '0.20', 'has_coverage': true, 'has_loss_baseline': true,
         'needs_two_windows': true, 'revised_over': 'evaluation'},
        {'name': 'fast_burn_rate', 'grain': 'version', 'days': mature,
         'value': 'speed at which the error budget burns, in a week and in its last day',
         'unit': 'multiple of the speed allowed',
         'alarm': 'the error budget burns fast, and still does',
         'error_at': 'log_loss_error_budget.page.factor', 'has_coverage': true,
         'may_page': true, 'has_loss_baseline': true, 'revised_over': 'page'},
        {'name': 'slow_burn_rate', 'grain': 'version', 'days': mature,
         'value': 'speed at which the error budget burns, in two weeks and in 3 days',
         'unit': 'multiple of the speed allowed',
         'alarm': 'the error budget burns too fast to last 28 days',
         'warn_at': 'log_loss_error_budget.ticket.factor', 'has_coverage': true,
         'has_loss_baseline': true, 'revised_over': 'ticket'},
        {'name': 'log_loss_trend', 'grain': 'version', 'days': mature,
         'value': 'rise of the line through 28 daily means, over their mean',
         'unit': 'share', 'alarm': 'the daily means have been rising for weeks',
         'warn_at': '0.10', 'has_coverage': true},
        {'name': 'calibration_gap', 'grain': 'version', 'days': aged,
         'value': 'relative difference of the mean loss from the expected loss',
         'unit': 'share', 'alarm': 'the loss is not the one that the scores expect',
         'warn_at': '0.10', 'has_coverage': true, 'is_two_sided': true,
         'can_be_immature': true},
        {'name': 'event_share_shift', 'grain': 'version', 'days': aged,
         'value': 'relative difference of the events from the sum of the scores',
         'unit': 'share', 'alarm': 'events are not as frequent as the scores say',
         'warn_at': '0.10', 'has_coverage': true, 'is_two_sided': true,
         'can_be_immature': true},
        {'name': 'score_drift', 'grain': 'version', 'days': week,
         'value': 'population stability index of the scores, less sampling noise',
         'unit': 'index', 'alarm': 'scores are not those of the past',
         'warn_at': '0.10', 'error_at': '0.25', 'is_drift': true},
        {'name': 'feature_drift', 'grain': 'feature', 'days': week,
         'value': 'population stability index of each feature, less sampling noise',
         'unit': 'index', 'alarm': 'a declared feature is not that of the past',
         'warn_at': '0.10', 'error_at': '0.25', 'is_drift': true},
        {'name': 'canary_difference', 'grain': 'version', 'days': mature,
         'value': 'mean loss of a canary less that of the version that serves',
         'unit': 'nats', 'alarm': 'a canary is worse than what serves, and decided so',
         'error_at': 'log_loss_rollback_margin', 'may_page': true},
        {'name': 'clipped_loss_share', 'grain': 'version', 'days': mature,
         'value': 'share of the loss that clipped rows carry', 'unit': 'share',
         'alarm': 'rows whose label had probability 0 carry the loss',
         'has_coverage': true, 'can_be_immature': true},
        {'name': 'correction_rate', 'grain': 'version', 'days': mature,
         'value': 'share of published days that were corrected', 'unit': 'share',
         'alarm': 'published days did not hold', 'has_coverage': true,
         'can_be_immature': true},
        {'name': 'label_coverage', 'grain': 'cohort',
         'days': 'days that are `log_loss_mature_days` old',
         'value': 'share labeled by that age, of a version and each cohort',
         'unit': 'share', 'alarm': 'too few labels at the age of 14 days',
         'bad_side': 'below'},
        {'name': 'label_coverage_drop', 'grain': 'cohort',
         'days': 'days that are `log_loss_evaluation_days` old',
         'value': 'share labeled by that age in the baseline, less that of these days',
         'unit': 'share',
         'alarm': 'fewer labels at the age of 7 days than there used to be',
         'warn_at': '0.05', 'error_at': '0.20', 'needs_two_windows': true},
        {'name': 'rejected_share', 'grain': 'version', 'days': loads,
         'value': 'rejected over all prediction rows, repeated ones aside',
         'unit': 'share', 'alarm': 'prediction rows are rejected',
         'warn_at': '0.01', 'error_at': '0.05'},
        {'name': 'rejected_label_share', 'grain': 'version', 'days': loads,
         'value': 'rejected over all label rows, repeated ones aside',
         'unit': 'share', 'alarm': 'label rows are rejected',
         'warn_at': '0.01', 'error_at': '0.05'},
        {'name': 'duplicate_share', 'grain': 'version', 'days': loads,
         'value': 'prediction rows that repeat another, over all', 'unit': 'share',
         'alarm': 'prediction rows come twice', 'warn_at': '0.05'},
        {'name': 'non_finite_count', 'grain': 'version', 'days': 'all',
         'value': 'stored sums that are NaN or infinite', 'unit': 'count',
         'alarm': 'a stored sum is NaN or infinite: a defect', 'error_at': '0'},
    ]) }}
{% endmacro %}


{# The names of the rules, or of those with a property, as the SQL list of an `in`. #}
{% macro rules_with(property, value) %}
    {%- set names = [] -%}
    {%- for rule in log_loss.threshold_rules()
        if rule.get(property, false) == value -%}
        {%- do names.append(rule.name) -%}
    {%- endfor -%}
    {{- return("('" ~ names | join("', '") ~ "')") -}}
{% endmacro %}


{# -1 where low values are bad, so that a lower limit compares like an upper one. #}
{% macro limit_sign() -%}
    case when rule in {{ log_loss.rules_with('bad_side', 'below') }} then -1 else 1 end
{%- endmacro %}


{#
    The limit that a value with this status is beyond. With one limit alone it is that one:
    against a baseline that training measured, what is an error elsewhere warns.
#}
{% macro breached_limit(status, relation=none) -%}
{%- set prefix = relation ~ '.' if relation else '' -%}
    case
        when {{ prefix }}{{ status }} = 'error'
        then coalesce({{ prefix }}error_at, {{ prefix }}warn_at)
        else coalesce({{ prefix }}warn_at, {{ prefix }}error_at)
    end
{%- endmacro %}


{#
    What of a value limits apply to: its size, where they hold on both sides; of a drift
    index what is beyond that of two samples alike, which small ones have much of.
#}
{% macro evaluated_size() -%}
    case
        when rule in {{ log_loss.rules_with('is_two_sided', true) }} then abs(value)
        when rule in {{ log_loss.rules_with('is_drift', true) }}
        then value - baseline_value
        else value
    end
{%- endmacro %}


{# Whether a suppression covers any day of a status's window, for a join. #}
{% macro is_suppressed(statuses, suppressions) -%}
{{ suppressions }}.model_name in ({{ statuses }}.model_name, '*')
-- a defect of the package, on any day of all, is nothing that passes
and {{ statuses }}.rule <> 'non_finite_count'
and cast({{ suppressions }}.starts_at as date) <= {{ statuses }}.window_end_date
and (
    {{ suppressions }}.ends_at is null
    or cast({{ suppressions }}.ends_at as date) >= {{ statuses }}.window_start_date
)
{%- endmacro %}


{# The page of the package's documentation that says what to do about a rule. #}
{% macro runbook(rule) -%}
{{ dbt.concat(["'docs/runbooks/'", rule, "'.md'"]) }}
{%- endmacro %}


{#
    The losses of the evaluated days as known on each as-of date.

    Emits CTEs, the last of them evaluated_losses: one row per as-of date, scope and
    label, and for all labels (`all`). `label_coverage` is that of the scope, whatever the
    label; `rarest_label_count` and the columns of the commonest class are null where no
    label is told apart, and the first for models of more than two classes. Standard
    deviations are those of samples, null below two labels. `clipped_loss_share` is the
    share of the loss that clipped rows add.
#}
{% macro evaluated_losses() -%}
{%- set scope = log_loss.scope_columns() | join(', ') -%}
{%- set window -%}
partition by as_of_date, {{ log_loss.scope_columns() | join(', ') }}
{%- endset -%}
{%- set sums = ['labeled_count', 'loss_sum', 'loss_squared_sum'] -%}
{%- set epsilon = log_loss.double(log_loss.configuration().epsilon) -%}
evaluated_sums as (

    select
        as_of_date,
        {{ scope }},
        label,
        start_date as window_start_date,
        end_date as window_end_date,
        prediction_count,
        row_count as labeled_count,
        clipped_count,
        value_sum as loss_sum,
        value_squared_sum as loss_squared_sum
    from {{ ref('int_log_loss__evaluation_windows') }}
    where
        measure = 'log_loss'
        and window_name = 'evaluation'

),

ranked_classes as (

    select
        *,
        {{ log_loss.class_count() }} as class_count,
        row_number() over (
            {{ window }}
            order by labeled_count desc, label asc
        ) as class_rank
    from evaluated_sums
    where label <> 'all'

),

class_sums as (

    select
        as_of_date,
        {{ scope }},
        {% for sum in sums -%}
        sum(case when class_rank = 1 then {{ sum }} end) as commonest_{{ sum }},
        {% endfor -%}
        {{ log_loss.rarest_label_count() }} as rarest_label_count
    from ranked_classes
    group by
        as_of_date,
        {{ scope }}

),

evaluated_losses as (

    select
        evaluated_sums.as_of_date,
        {{ log_loss.scope_columns('evaluated_sums') | join(', ') }},
        evaluated_sums.label,
        evaluated_sums.window_start_date,
        evaluated_sums.window_end_date,
        evaluated_sums.prediction_count,
        evaluated_sums.labeled_count,
        max(
            case
                when evaluated_sums.label = 'all'
                then {{ log_loss.safe_divide(
                    'evaluated_sums.labeled_count', 'evaluated_sums.prediction_count'
                ) }}
            end
        ) over (
            partition by
                evaluated_sums.as_of_date,
                {{ log_loss.scope_columns('evaluated_sums') | join(', ') }}
        ) as label_coverage,
        {{ log_loss.safe_divide('evaluated_sums.loss_sum', 'evaluated_sums.labeled_count') }}
            as mean_log_loss,
        {{ log_loss.sample_stddev(
            'evaluated_sums.loss_sum', 'evaluated_sums.loss_squared_sum',
            'evaluated_sums.labeled_count'
        ) }} as log_loss_stddev,
        cast(class_sums.rarest_label_count as {{ dbt.type_bigint() }})
            as rarest_label_count,
        cast(class_sums.commonest_labeled_count as {{ dbt.type_bigint() }})
            as commonest_labeled_count,
        {{ log_loss.safe_divide(
            'class_sums.commonest_loss_sum', 'class_sums.commonest_labeled_count'
        ) }} as commonest_mean_log_loss,
        {{ log_loss.sample_stddev(
            'class_sums.commonest_loss_sum', 'class_sums.commonest_loss_squared_sum',
            'class_sums.commonest_labeled_count'
        ) }} as commonest_log_loss_stddev,
        -- a clipped row is one whose label had epsilon, and no more, of the probability
        {{ log_loss.safe_divide(
            'evaluated_sums.clipped_count * (-ln(' ~ epsilon ~ '))', 'evaluated_sums.loss_sum'
        ) }} as clipped_loss_share
    from evaluated_sums
    left join class_sums
        on
            evaluated_sums.as_of_date = class_sums.as_of_date
            and {{ log_loss.same_scope('evaluated_sums', 'class_sums') }}

)
{%- endmacro %}


{#
    What rules measure, one select each, with the columns that int_log_loss__rule_statuses
    judges. A measure names

        rule        SQL of the rule's name
        from        the CTE that has its value; `where`: which rows of it
        value       SQL of the value, `sample`: of the number of rows that it rests on
        evaluated_by   how limits are held against it: as it is (not given); `mean`, by the
                    interval of a mean loss; `interval`, by one that the CTE has; `test`,
                    only where its p_value is low enough
        scale       of a test: `log` or `share`, from which the least rise that it could
                    find is told
        status      SQL of what is known already, whatever the limits
#}
{% macro measured_rules(measures) -%}
{%- set null_double = 'cast(null as ' ~ log_loss.type_double() ~ ')' -%}
{%- for measure in measures -%}
select
    {{ measure.rule }} as rule,
    as_of_date,
    {{ log_loss.scope_columns() | join(', ') }},
    label,
    window_start_date,
    window_end_date,
    {{ measure.value }} as value,
    cast({{ measure.sample }} as {{ dbt.type_bigint() }}) as sample_count,
    cast(labeled_count as {{ dbt.type_bigint() }}) as labeled_count,
    label_coverage,
    {%- if measure.evaluated_by == 'mean' %}
    {%- for side in ['lower', 'upper'] %}
    {{ log_loss.confidence_interval(
        side, 'mean_log_loss', 'log_loss_stddev', 'labeled_count', 'rarest_label_count'
    ) }} as ci_{{ side }},
    {%- endfor %}
    -- What a rare class adds to a mean is never negative, so the common class alone
    -- bounds it from below.
    commonest_labeled_count * {{ log_loss.confidence_interval(
        'lower', 'commonest_mean_log_loss', 'commonest_log_loss_stddev',
        'commonest_labeled_count'
    ) }} / nullif(labeled_count, 0) as commonest_ci_lower,
    {%- else %}
    {{ 'ci_lower' if measure.evaluated_by == 'interval' else null_double }} as ci_lower,
    {{ 'ci_upper' if measure.evaluated_by == 'interval' else null_double }} as ci_upper,
    {{ null_double }} as commonest_ci_lower,
    {%- endif %}
    {%- if measure.evaluated_by == 'test' %}
    increase,
    baseline_value,
    baseline_source,
    p_value,
    z_rows,
    z_days,
    {%- else %}
    {{ null_double }} as increase,
    {{ measure.baseline_value or null_double }} as baseline_value,
    cast(null as {{ dbt.type_string() }}) as baseline_source,
    {{ null_double }} as p_value,
    {{ null_double }} as z_rows,
    {{ null_double }} as z_days,
    {%- endif %}
    {%- if measure.scale %}
    standard_error,
    degrees_of_freedom,
    {%- else %}
    {{ null_double }} as standard_error,
    {{ null_double }} as degrees_of_freedom,
    {%- endif %}
    {{ '1 = 1' if measure.scale == 'log' else '1 = 0' }} as is_relative,
    {{ '1 = 1' if measure.evaluated_by in ('mean', 'interval') else '1 = 0' }}
        as is_estimate,
    {{ '1 = 1' if measure.evaluated_by == 'test' else '1 = 0' }} as is_tested,
    {{ measure.status or 'cast(null as ' ~ dbt.type_string() ~ ')' }}
        as decided_status
from {{ measure.from }}
{%- if measure.where %}
where {{ measure.where }}
{%- endif %}
{%- if not loop.last %}

union all

{% endif %}
{%- endfor -%}
{%- endmacro %}


{# A p-value where there are rows enough to believe it: 30, and 10 of the rarer class. #}
{% macro proven_p_value(p_value, row_count, rarest_label_count=none) -%}
{%- set least = log_loss.constants() -%}
case
    when
        {{ row_count }} >= {{ least.least_row_count }}
        {%- if rarest_label_count is not none %}
        and coalesce({{ rarest_label_count }}, {{ least.least_class_count }})
        >= {{ least.least_class_count }}
        {%- endif %}
    then {{ p_value }}
end
{%- endmacro %}
