{%- set pair = ['model_name', 'candidate_version', 'baseline_version', 'role'] -%}
{%- set step = pair + ['through_date', 'as_of_date'] %}

with

cells as (

    select
        {% for column in step -%}
        compared_days.{{ column }},
        {% endfor -%}
        compared_days.metric_date,
        pair_sums.label,
        pair_sums.pair_count,
        pair_sums.difference_sum,
        pair_sums.difference_squared_sum,
        pair_sums.baseline_loss_sum
    from {{ ref('int_log_loss__compared_days') }} as compared_days
    inner join {{ ref('int_log_loss__pair_sums') }} as pair_sums
        on
            compared_days.model_name = pair_sums.model_name
            and compared_days.candidate_version = pair_sums.candidate_version
            and compared_days.baseline_version = pair_sums.baseline_version
            and compared_days.metric_date = pair_sums.metric_date
            and compared_days.as_of_date >= pair_sums.known_from
            and compared_days.as_of_date < pair_sums.known_until
    where pair_sums.pair_count > 0

),

-- how many pairs have the rarer label
class_counts as (

    select
        {{ step | join(',\n        ') }},
        label,
        {{ log_loss.class_count() | indent(8) }} as class_count,
        sum(pair_count) as labeled_count
    from cells
    group by
        {{ step | join(',\n        ') }},
        label

),

rarest as (

    select
        {{ step | join(',\n        ') }},
        {{ log_loss.rarest_label_count() | indent(8) }} as rarest_count
    from class_counts
    group by {{ step | join(', ') }}

),

days as (

    select
        {{ step | join(',\n        ') }},
        metric_date,
        sum(pair_count) as pair_count,
        sum(difference_sum) as difference_sum,
        sum(difference_squared_sum) as difference_squared_sum,
        sum(baseline_loss_sum) as baseline_loss_sum
    from cells
    group by
        {{ step | join(',\n        ') }},
        metric_date

),

ranked_days as (

    select
        *,
        sum(difference_sum) over (partition by {{ step | join(', ') }})
        / sum(pair_count) over (partition by {{ step | join(', ') }}) as difference,
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
        pair_count,
        row_number() over (
            partition by {{ step | join(', ') }}
            order by pair_count, metric_date
        ) as size_rank
    from ranked_days
    where day_number <= 7

),

median_sizes as (

    select
        {{ step | join(',\n        ') }},
        max(case when size_rank = 4 then pair_count end) as median_labeled_count
    from first_week
    group by {{ step | join(', ') }}
    having count(*) = 7

),

totals as (

    select
        {{ step | join(',\n        ') }},
        count(*) as day_count,
        max(difference) as difference,
        sum(pair_count) as pair_count,
        sum(baseline_loss_sum) / sum(pair_count) as baseline_mean_log_loss,
        {{ log_loss.sample_stddev(
            'sum(difference_sum)', 'sum(difference_squared_sum)', 'sum(pair_count)'
        ) | indent(8) }} as difference_stddev,
        case
            when count(*) >= 7
            then
                {{ log_loss.safe_divide('count(*)', 'count(*) - 1') }}
                * sum(
                    (difference_sum - difference * pair_count)
                    * (difference_sum - difference * pair_count)
                )
                / {{ log_loss.double('sum(pair_count)') }}
                / {{ log_loss.double('sum(pair_count)') }}
        end as day_variance
    from ranked_days
    group by {{ step | join(', ') }}

),

candidates as (

    select
        {{ step | join(',\n        ') }},
        sum(candidate_labeled_count) as labeled_count
    from {{ ref('int_log_loss__version_cells') }}
    group by {{ step | join(', ') }}

)

select
    'paired' as method,
    {% for column in step -%}
    totals.{{ column }},
    {% endfor -%}
    totals.day_count,
    totals.difference,
    totals.pair_count as candidate_count,
    totals.pair_count as baseline_count,
    totals.pair_count as pooled_count,
    {{ log_loss.safe_divide('totals.pair_count', 'candidates.labeled_count') }}
        as overlap_share,
    totals.baseline_mean_log_loss,
    rarest.rarest_count as candidate_rarest_count,
    rarest.rarest_count as baseline_rarest_count,
    median_sizes.median_labeled_count,
    case
        when
            sqrt(coalesce(totals.day_variance, 0))
            > totals.difference_stddev / sqrt(totals.pair_count)
        then sqrt(totals.day_variance)
        else totals.difference_stddev / sqrt(totals.pair_count)
    end as standard_error
from totals
inner join rarest
    on {{ log_loss.same_columns(step, 'totals', 'rarest') | indent(4) }}
inner join candidates
    on {{ log_loss.same_columns(step, 'totals', 'candidates') | indent(4) }}
left join median_sizes
    on {{ log_loss.same_columns(step, 'totals', 'median_sizes') | indent(4) }}
