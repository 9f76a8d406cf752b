{%- set pair = ['model_name', 'candidate_version', 'baseline_version', 'role'] -%}
{%- set step = pair + ['through_date', 'as_of_date'] -%}
{%- set sides = ['candidate', 'baseline'] %}

with

label_cells as (

    select * from {{ ref('int_log_loss__version_cells') }}

),

-- how many labels of the rarer class each side has
class_counts as (

    select
        {{ step | join(',\n        ') }},
        label,
        {{ log_loss.class_count() | indent(8) }} as class_count,
        sum(candidate_labeled_count) as candidate_labeled_count,
        sum(baseline_labeled_count) as baseline_labeled_count
    from label_cells
    group by
        {{ step | join(',\n        ') }},
        label

),

rarest as (

    select
        {{ step | join(',\n        ') }},
        {% for side in sides -%}
        case
            when max(class_count) > 2 then null
            when sum(case when {{ side }}_labeled_count > 0 then 1 else 0 end) < 2
            then 0
            else min(
                case when {{ side }}_labeled_count > 0 then {{ side }}_labeled_count end
            )
        end as {{ side }}_rarest_count{{ ',' if not loop.last }}
        {% endfor %}
    from class_counts
    group by {{ step | join(', ') }}

),

-- a cell is one day of one stratum
cells as (

    select
        {{ step | join(',\n        ') }},
        metric_date,
        stratum,
        {% for side in sides -%}
        sum({{ side }}_labeled_count) as {{ side }}_count,
        sum({{ side }}_loss_sum) as {{ side }}_loss_sum,
        sum({{ side }}_loss_squared_sum) as {{ side }}_loss_squared_sum
        {{- ',' if not loop.last }}
        {% endfor %}
    from label_cells
    group by
        {{ step | join(',\n        ') }},
        metric_date,
        stratum

),

shared_cells as (

    select
        *,
        {{ log_loss.safe_divide(
            'candidate_count * baseline_count', 'candidate_count + baseline_count'
        ) }} as weight,
        candidate_loss_sum / candidate_count - baseline_loss_sum / baseline_count
            as difference,
        {% for side in sides -%}
        case
            when
                {{ side }}_loss_squared_sum
                > {{ side }}_loss_sum * {{ side }}_loss_sum / {{ side }}_count
            then
                {{ side }}_loss_squared_sum
                - {{ side }}_loss_sum * {{ side }}_loss_sum / {{ side }}_count
            else 0
        end as {{ side }}_squares{{ ',' if not loop.last }}
        {% endfor %}
    from cells
    where candidate_count > 0 and baseline_count > 0

),

days as (

    select
        {{ step | join(',\n        ') }},
        metric_date,
        sum(candidate_count + baseline_count) as labeled_count,
        sum(weight) as weight,
        sum(weight * difference) / sum(weight) as difference
    from shared_cells
    group by
        {{ step | join(',\n        ') }},
        metric_date

),

strata as (

    select
        {{ step | join(',\n        ') }},
        stratum,
        sum(weight) as weight,
        {% for side in sides -%}
        sum(weight * weight / {{ side }}_count) as {{ side }}_weight_squares,
        {{ log_loss.safe_divide(
            'sum(' ~ side ~ '_squares)', 'sum(' ~ side ~ '_count - 1)'
        ) }} as {{ side }}_variance,
        {% endfor -%}
        {{ log_loss.safe_divide(
            'sum(candidate_squares + baseline_squares)',
            'sum(candidate_count + baseline_count - 2)'
        ) }} as pooled_variance,
        sum(candidate_squares + baseline_squares) as squares,
        sum(candidate_count + baseline_count - 2) as degrees_of_freedom
    from shared_cells
    group by
        {{ step | join(',\n        ') }},
        stratum

),

-- a stratum of single rows has no variance of its own, and takes that of all
whole_strata as (

    select
        *,
        {{ log_loss.safe_divide(
            'sum(squares) over (partition by ' ~ step | join(', ') ~ ')',
            'sum(degrees_of_freedom) over (partition by ' ~ step | join(', ') ~ ')'
        ) }} as common_variance
    from strata

),

row_errors as (

    select
        {{ step | join(',\n        ') }},
        sum(
            {% for side in sides -%}
            coalesce({{ side }}_variance, pooled_variance, common_variance)
            * {{ side }}_weight_squares{{ ' +' if not loop.last }}
            {% endfor -%}
        ) / (sum(weight) * sum(weight)) as welch_variance,
        sum(coalesce(pooled_variance, common_variance) * weight)
        / (sum(weight) * sum(weight)) as pooled_variance
    from whole_strata
    group by {{ step | join(', ') }}

),

day_ranks as (

    select
        *,
        sum(weight) over (partition by {{ step | join(', ') }}) as total_weight,
        sum(weight * difference) over (partition by {{ step | join(', ') }})
        / sum(weight) over (partition by {{ step | join(', ') }}) as total_difference,
        count(*) over (
            partition by {{ step | join(', ') }}
            order by metric_date
            rows between unbounded preceding and current row
        ) as day_number
    from days

),

first_week as (

    select
        {{ step | join(',\n        ') }},
        labeled_count,
        row_number() over (
            partition by {{ step | join(', ') }}
            order by labeled_count, metric_date
        ) as size_rank
    from day_ranks
    where day_number <= 7

),

median_sizes as (

    select
        {{ step | join(',\n        ') }},
        max(case when size_rank = 4 then labeled_count end) as median_labeled_count
    from first_week
    group by {{ step | join(', ') }}
    having count(*) = 7

),

differences as (

    select
        {{ step | join(',\n        ') }},
        count(*) as day_count,
        max(total_difference) as difference,
        case
            when count(*) >= 7
            then
                {{ log_loss.safe_divide('count(*)', 'count(*) - 1') }}
                * sum(
                    weight * weight
                    * (difference - total_difference) * (difference - total_difference)
                ) / (max(total_weight) * max(total_weight))
        end as day_variance
    from day_ranks
    group by {{ step | join(', ') }}

),

totals as (

    select
        {{ step | join(',\n        ') }},
        {% for side in sides -%}
        sum({{ side }}_count) as all_{{ side }}_count,
        sum(
            case
                when candidate_count > 0 and baseline_count > 0
                then {{ side }}_count
            end
        ) as {{ side }}_count,
        {% endfor -%}
        sum(
            case
                when candidate_count > 0 and baseline_count > 0
                then baseline_loss_sum
            end
        ) as baseline_loss_sum
    from cells
    group by {{ step | join(', ') }}

)

select
    'stratified' as method,
    {% for column in step -%}
    differences.{{ column }},
    {% endfor -%}
    differences.day_count,
    differences.difference,
    totals.candidate_count,
    totals.baseline_count,
    totals.candidate_count + totals.baseline_count as pooled_count,
    {{ log_loss.safe_divide('totals.candidate_count', 'totals.all_candidate_count') }}
        as overlap_share,
    {{ log_loss.safe_divide('totals.baseline_loss_sum', 'totals.baseline_count') }}
        as baseline_mean_log_loss,
    rarest.candidate_rarest_count,
    rarest.baseline_rarest_count,
    median_sizes.median_labeled_count,
    sqrt(
        case
            when
                coalesce(differences.day_variance, 0) >= row_errors.welch_variance
                and coalesce(differences.day_variance, 0)
                >= row_errors.pooled_variance
            then differences.day_variance
            when row_errors.welch_variance >= row_errors.pooled_variance
            then row_errors.welch_variance
            else row_errors.pooled_variance
        end
    ) as standard_error
from differences
inner join totals
    on {{ log_loss.same_columns(step, 'differences', 'totals') | indent(8) }}
inner join row_errors
    on {{ log_loss.same_columns(step, 'differences', 'row_errors') | indent(8) }}
inner join rarest
    on {{ log_loss.same_columns(step, 'differences', 'rarest') | indent(8) }}
left join median_sizes
    on {{ log_loss.same_columns(step, 'differences', 'median_sizes') | indent(4) }}
