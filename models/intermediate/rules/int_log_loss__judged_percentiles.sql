{%- set percentiles = [95, 99] -%}
{%- set version = ['evaluation_date', 'model_name', 'model_version'] -%}
-- How bad the worst rows of the judged days are, as known on each evaluation date.
with

entries as (

    {{ log_loss.rollup_rows(['loss_bin']) }}

),

changes as (

    select
        metric_date,
        model_name,
        model_version,
        bin as loss_bin,
        recorded_date,
        sum(entry_count) as row_count
    from entries
    group by
        metric_date,
        model_name,
        model_version,
        bin,
        recorded_date

),

bins as (

    select
        judged_days.evaluation_date,
        judged_days.model_name,
        judged_days.model_version,
        changes.loss_bin,
        sum(changes.row_count) as row_count
    from {{ ref('int_log_loss__evaluation_days') }} as judged_days
    inner join changes
        on
            judged_days.model_name = changes.model_name
            and judged_days.model_version = changes.model_version
            and judged_days.metric_date = changes.metric_date
            and judged_days.evaluation_date >= changes.recorded_date
    where
        judged_days.window_name = 'judged'
        and judged_days.cohort_name = 'all'
    group by
        judged_days.evaluation_date,
        judged_days.model_name,
        judged_days.model_version,
        changes.loss_bin
    having sum(changes.row_count) > 0

),

cumulative as (

    select
        *,
        sum(row_count) over (
            partition by {{ version | join(', ') }}
            order by loss_bin
            rows between unbounded preceding and current row
        ) as count_up_to_bin,
        sum(row_count) over (partition by {{ version | join(', ') }})
            as labeled_count
    from bins

),

-- The percentile, and between which rows in order of their losses it lies with 95 %:
-- how many lie below it is binomial. Fewer than ten rows beyond it bound nothing.
ranks as (

    select
        *,
        {% for percentile in percentiles -%}
        case
            when labeled_count * {{ 100 - percentile }} >= 1000
            then {{ log_loss.double('1.959963984540054') }} * sqrt(
                labeled_count
                * {{ log_loss.double(percentile * (100 - percentile) / 10000) }}
            )
        end as p{{ percentile }}_half_width{{ ',' if not loop.last }}
        {% endfor %}
    from cumulative

),

bins_of_percentiles as (

    select
        {{ version | join(',\n        ') }},
        max(labeled_count) as labeled_count,
        {% for percentile in percentiles -%}
        min(
            case
                when 100 * count_up_to_bin >= {{ percentile }} * labeled_count
                then loss_bin
            end
        ) as p{{ percentile }}_bin,
        {% for side, rank in [
            ('lower', 'floor(' ~ log_loss.double(percentile / 100)
                ~ ' * labeled_count - p' ~ percentile ~ '_half_width)'),
            ('upper', 'ceil(' ~ log_loss.double(percentile / 100)
                ~ ' * labeled_count + p' ~ percentile ~ '_half_width) + 1'),
        ] -%}
        min(case when count_up_to_bin >= {{ rank }} then loss_bin end)
            as p{{ percentile }}_{{ side }}_bin{{ ',' if not loop.last }}
        {% endfor -%}
        {{ ',' if not loop.last }}
        {% endfor %}
    from ranks
    group by
        {{ version | join(',\n        ') }}

)

{% for percentile in percentiles -%}
select
    'p{{ percentile }}_log_loss' as rule,
    {{ version | join(',\n    ') }},
    cast(labeled_count as {{ dbt.type_bigint() }}) as labeled_count,
    {% for bin, name in [
        ('bin', 'value'), ('lower_bin', 'ci_lower'), ('upper_bin', 'ci_upper')
    ] -%}
    {{ log_loss.loss_bin_value('p' ~ percentile ~ '_' ~ bin) | indent(4) }}
        as {{ name }}{{ ',' if not loop.last }}
    {% endfor %}
from bins_of_percentiles
{{ 'union all' if not loop.last }}
{% endfor %}
