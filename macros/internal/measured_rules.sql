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
