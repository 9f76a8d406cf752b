{#
    The rules that a thresholds relation may name:

        bad_side      the side of its limits on which a value is bad
        grain         what it has one value of: a version, a cohort, a label or a feature,
                      which stands where others have a cohort
        has_coverage  whether it rests on labels, so that min_coverage says something
        may_page      whether an error wakes somebody; other rules open a ticket
        has_loss_baseline  whether it is a loss above a baseline
        needs_two_windows  whether a finding counts once it was found in two windows
        is_two_sided  whether its limits apply to the size of a value, whatever its sign
        is_drift      whether it is an index that two samples alike have some of
#}
{% macro threshold_rules() %}
    {% set rules = {} %}
    {% for rule, bad_side, grain, has_coverage in [
        ('mean_log_loss', 'above', 'version', true),
        ('cohort_log_loss', 'above', 'cohort', true),
        ('class_log_loss', 'above', 'label', true),
        ('class_log_loss_ratio', 'above', 'label', true),
        ('weighted_log_loss', 'above', 'version', true),
        ('p95_log_loss', 'above', 'version', true),
        ('p99_log_loss', 'above', 'version', true),
        ('validation_log_loss_ratio', 'above', 'version', true),
        ('mean_log_loss_increase', 'above', 'version', true),
        ('cohort_log_loss_increase', 'above', 'cohort', true),
        ('class_log_loss_increase', 'above', 'label', true),
        ('fast_burn_rate', 'above', 'version', true),
        ('slow_burn_rate', 'above', 'version', true),
        ('log_loss_trend', 'above', 'version', true),
        ('calibration_gap', 'above', 'version', true),
        ('event_share_shift', 'above', 'version', true),
        ('score_drift', 'above', 'version', false),
        ('feature_drift', 'above', 'feature', false),
        ('canary_difference', 'above', 'version', false),
        ('clipped_loss_share', 'above', 'version', true),
        ('correction_rate', 'above', 'version', true),
        ('label_coverage', 'below', 'cohort', false),
        ('label_coverage_drop', 'above', 'cohort', false),
        ('rejected_share', 'above', 'version', false),
        ('rejected_label_share', 'above', 'version', false),
        ('duplicate_share', 'above', 'version', false),
        ('non_finite_count', 'above', 'version', false),
    ] %}
        {% do rules.update({rule: {
            'bad_side': bad_side, 'grain': grain, 'has_coverage': has_coverage,
            'has_loss_baseline':
                rule.endswith('_increase') or rule.endswith('_burn_rate'),
            'needs_two_windows': rule.endswith('_increase')
                or rule == 'label_coverage_drop',
            'is_drift': rule.endswith('_drift'),
            'is_two_sided': rule in ['calibration_gap', 'event_share_shift'],
            'may_page': rule in [
                'mean_log_loss', 'cohort_log_loss', 'mean_log_loss_increase',
                'cohort_log_loss_increase', 'fast_burn_rate', 'canary_difference',
            ],
        }}) %}
    {% endfor %}
    {{ return(rules) }}
{% endmacro %}


{# -1 where low values are bad, so that a lower limit compares like an upper one. #}
{% macro limit_sign() -%}
    case when rule in {{ log_loss.rules_with('bad_side', 'below') }} then -1 else 1 end
{%- endmacro %}


{#
    What of a value limits apply to: its size, where they hold on both sides; of a drift
    index what is beyond that of two samples alike, which small ones have much of.
#}
{% macro judged_size() -%}
    case
        when rule in {{ log_loss.rules_with('is_two_sided', true) }} then abs(value)
        when rule in {{ log_loss.rules_with('is_drift', true) }}
        then value - baseline_value
        else value
    end
{%- endmacro %}


{# The rules with a property, as the SQL list of an `in`. #}
{% macro rules_with(property, value) %}
    {%- set names = [] -%}
    {%- for rule, properties in log_loss.threshold_rules().items()
        if properties[property] == value -%}
        {%- do names.append(rule) -%}
    {%- endfor -%}
    {{- return("('" ~ names | join("', '") ~ "')") -}}
{% endmacro %}


{# Whether a suppression covers any day of a verdict's window, for a join. #}
{% macro is_suppressed(verdicts, suppressions) -%}
{{ suppressions }}.model_name in ({{ verdicts }}.model_name, '*')
-- a defect of the package, on any day of all, is nothing that passes
and {{ verdicts }}.rule <> 'non_finite_count'
and cast({{ suppressions }}.starts_at as date) <= {{ verdicts }}.window_end_date
and (
    {{ suppressions }}.ends_at is null
    or cast({{ suppressions }}.ends_at as date) >= {{ verdicts }}.window_start_date
)
{%- endmacro %}


{# The page of the package's documentation that says what to do about a rule. #}
{% macro runbook(rule) -%}
{{ dbt.concat(["'docs/runbooks/'", rule, "'.md'"]) }}
{%- endmacro %}


{#
    What rules measure, one select each, with the columns that int_log_loss__threshold_values
    adds up. A measure names

        rule        SQL of the rule's name
        from        the CTE that has its value; `where`: which rows of it
        value       SQL of the value, `sample`: of the number of rows that it rests on
        judged_by   how limits are held against it: as it is (not given); `mean`, by the
                    interval of a mean loss; `interval`, by one that the CTE has; `test`,
                    only where its p_value is low enough
        scale       of a test: `log` or `share`, from which the least rise that it could
                    find is told
        finding     SQL of what is known already, whatever the limits
#}
{% macro measured_rules(measures) -%}
{%- set null_double = 'cast(null as ' ~ log_loss.type_double() ~ ')' -%}
{%- for measure in measures -%}
select
    {{ measure.rule }} as rule,
    evaluation_date,
    {{ log_loss.scope_columns() | join(',\n    ') }},
    label,
    window_start_date,
    window_end_date,
    {{ measure.value }} as value,
    cast({{ measure.sample }} as {{ dbt.type_bigint() }}) as sample_count,
    cast(labeled_count as {{ dbt.type_bigint() }}) as labeled_count,
    label_coverage,
    {%- if measure.judged_by == 'mean' %}
    {%- for side in ['lower', 'upper'] %}
    {{ log_loss.confidence_interval(
        side, 'mean_log_loss', 'log_loss_stddev', 'labeled_count', 'rarest_label_count'
    ) | indent(4) }} as ci_{{ side }},
    {%- endfor %}
    -- What a rare class adds to a mean is never negative, so the common class alone
    -- bounds it from below.
    commonest_labeled_count * {{ log_loss.confidence_interval(
        'lower', 'commonest_mean_log_loss', 'commonest_log_loss_stddev',
        'commonest_labeled_count'
    ) | indent(4) }} / nullif(labeled_count, 0) as commonest_ci_lower,
    {%- else %}
    {{ 'ci_lower' if measure.judged_by == 'interval' else null_double }} as ci_lower,
    {{ 'ci_upper' if measure.judged_by == 'interval' else null_double }} as ci_upper,
    {{ null_double }} as commonest_ci_lower,
    {%- endif %}
    {%- if measure.judged_by == 'test' %}
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
    {{ '1 = 1' if measure.judged_by in ('mean', 'interval') else '1 = 0' }}
        as is_estimate,
    {{ '1 = 1' if measure.judged_by == 'test' else '1 = 0' }} as is_tested,
    {{ measure.finding or 'cast(null as ' ~ dbt.type_string() ~ ')' }}
        as decided_finding
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
case
    when
        {{ row_count }} >= 30
        {%- if rarest_label_count is not none %}
        and coalesce({{ rarest_label_count }}, 10) >= 10
        {%- endif %}
    then {{ p_value }}
end
{%- endmacro %}


{#
    The losses of the judged days as known on each evaluation date.

    Emits CTEs, the last of them judged_losses: one row per evaluation date, scope and
    label, and for all labels (`all`). `label_coverage` is that of the scope, whatever
    the label; `rarest_label_count` and the columns of the commonest class are null
    where no label is told apart, and the first for models of more than two classes.
    Standard deviations are those of samples, null below two labels.
    `clipped_loss_share` is the share of the loss that clipped rows add.
#}
{% macro judged_losses() -%}
{%- set scope = log_loss.scope_columns() | join(',\n        ') -%}
{%- set window -%}
partition by evaluation_date, {{ log_loss.scope_columns() | join(', ') }}
{%- endset -%}
{%- set sums = ['labeled_count', 'loss_sum', 'loss_squared_sum'] -%}
{%- set epsilon = log_loss.double(log_loss.configuration().epsilon) -%}
judged_sums as (

    select
        evaluation_date,
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
        and window_name = 'judged'

),

ranked_classes as (

    select
        *,
        {{ log_loss.class_count() }} as class_count,
        row_number() over (
            {{ window }}
            order by labeled_count desc, label asc
        ) as class_rank
    from judged_sums
    where label <> 'all'

),

class_sums as (

    select
        evaluation_date,
        {{ scope }},
        {% for sum in sums -%}
        sum(case when class_rank = 1 then {{ sum }} end) as commonest_{{ sum }},
        {% endfor -%}
        {{ log_loss.rarest_label_count() }} as rarest_label_count
    from ranked_classes
    group by
        evaluation_date,
        {{ scope }}

),

judged_losses as (

    select
        judged_sums.evaluation_date,
        {{ log_loss.scope_columns('judged_sums') | join(',\n        ') }},
        judged_sums.label,
        judged_sums.window_start_date,
        judged_sums.window_end_date,
        judged_sums.prediction_count,
        judged_sums.labeled_count,
        max(
            case
                when judged_sums.label = 'all'
                then {{ log_loss.safe_divide(
                    'judged_sums.labeled_count', 'judged_sums.prediction_count'
                ) }}
            end
        ) over (
            partition by
                judged_sums.evaluation_date,
                {{ log_loss.scope_columns('judged_sums') | join(', ') }}
        ) as label_coverage,
        {{ log_loss.safe_divide('judged_sums.loss_sum', 'judged_sums.labeled_count') }}
            as mean_log_loss,
        {{ log_loss.sample_stddev(
            'judged_sums.loss_sum', 'judged_sums.loss_squared_sum',
            'judged_sums.labeled_count'
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
            'judged_sums.clipped_count * (-ln(' ~ epsilon ~ '))', 'judged_sums.loss_sum'
        ) }} as clipped_loss_share
    from judged_sums
    left join class_sums
        on
            judged_sums.evaluation_date = class_sums.evaluation_date
            and {{ log_loss.same_scope('judged_sums', 'class_sums') }}

)
{%- endmacro %}
