{%- set series = ['rule'] + log_loss.scope_columns() + ['label'] -%}
{%- set episode = series + ['first_alert_date'] %}

with

episodes as (

    select
        {{ episode | join(',\n        ') }},
        window_end_date,
        baseline_value,
        {{ log_loss.loss_allowance('baseline_value') | indent(8) }} as allowance
    from {{ ref('int_log_loss__episodes') }}
    where
        evaluation_date = first_alert_date
        and rule in {{ log_loss.rules_with('has_loss_baseline', true) }}
        and baseline_value is not null

),

days as (

    select
        {% for column in episode -%}
        episodes.{{ column }},
        {% endfor -%}
        episodes.baseline_value,
        episodes.allowance,
        known_sums.metric_date,
        known_sums.loss_sum / known_sums.labeled_count as day_mean
    from episodes
    inner join {{ ref('int_log_loss__known_sums') }} as known_sums
        on
            {{ log_loss.same_scope('episodes', 'known_sums') }}
            and episodes.label = known_sums.label
            and episodes.first_alert_date >= known_sums.known_from
            and episodes.first_alert_date < known_sums.known_until
            and episodes.window_end_date >= known_sums.metric_date
    where known_sums.labeled_count > 0

),

-- how far the days up to here are above half of what is allowed, added up
cumulative as (

    select
        *,
        sum(day_mean - baseline_value - allowance / 2) over (
            partition by {{ episode | join(', ') }}
            order by metric_date
            rows between unbounded preceding and current row
        ) as excess_so_far,
        lead(metric_date) over (
            partition by {{ episode | join(', ') }}
            order by metric_date
        ) as next_date
    from days

),

ranked as (

    select
        *,
        min(metric_date) over (
            partition by {{ episode | join(', ') }}
        ) as earliest_date,
        row_number() over (
            partition by {{ episode | join(', ') }}
            order by excess_so_far asc, metric_date desc
        ) as lowest_rank
    from cumulative

)

select
    {{ episode | join(',\n    ') }},
    case when excess_so_far > 0 then earliest_date else next_date end as rise_start_date
from ranked
where lowest_rank = 1
