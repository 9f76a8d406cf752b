{%- set ages = [1, 3, 7, 14, 28] -%}
{%- set scope = log_loss.scope_columns() | join(', ') %}

-- How many labels have come, and how long they take.
with

entries as (

    {{ log_loss.ledger_rows(['overall', 'cohort']) }}

),

days as (

    select * from {{ ref('int_log_loss__daily_sums') }}
    where prediction_count > 0

),

labeled_by_age as (

    select
        metric_date,
        {{ scope }},
        {% for age in ages -%}
        sum(
            case
                when recorded_date <= {{ log_loss.add_days('metric_date', age) }}
                then entry_count
                else 0
            end
        ) as labeled_count_{{ age }}d{{ ',' if not loop.last }}
        {% endfor %}
    from entries
    where entry_type in ('new', 'revised', 'withdrawn')
    group by
        metric_date,
        {{ scope }}

),

-- a prediction's first label only: a revision says nothing about the delay
delays as (

    select
        metric_date,
        {{ scope }},
        {{ log_loss.days_between('metric_date', 'recorded_date') }}
            as delay_days,
        sum(first_label_count) as first_label_count
    from entries
    where first_label_count > 0
    group by
        metric_date,
        {{ scope }},
        {{ log_loss.days_between('metric_date', 'recorded_date') }}

),

cumulated_delays as (

    select
        *,
        sum(first_label_count) over (
            partition by metric_date, {{ log_loss.scope_columns() | join(', ') }}
            order by delay_days
            rows between unbounded preceding and current row
        ) as labels_so_far,
        sum(first_label_count) over (
            partition by metric_date, {{ log_loss.scope_columns() | join(', ') }}
        ) as all_labels
    from delays

),

-- the lower weighted quantile: the first delay that covers the share
delay_quantiles as (

    select
        metric_date,
        {{ scope }},
        min(case when 2 * labels_so_far >= all_labels then delay_days end)
            as median_label_delay_days,
        min(case when 100 * labels_so_far >= 95 * all_labels then delay_days end)
            as p95_label_delay_days
    from cumulated_delays
    group by
        metric_date,
        {{ scope }}

)

select
    days.metric_date,
    {{ log_loss.scope_columns('days') | join(', ') }},
    days.prediction_count,
    days.labeled_count,
    days.label_coverage,
    {% for age in ages -%}
    case
        when days.age_days >= {{ age }}
        then {{ log_loss.safe_divide(
            'coalesce(labeled_by_age.labeled_count_' ~ age ~ 'd, 0)',
            'days.prediction_count'
        ) }}
    end as coverage_{{ age }}d,
    {% endfor -%}
    cast(delay_quantiles.median_label_delay_days as {{ dbt.type_bigint() }})
        as median_label_delay_days,
    cast(delay_quantiles.p95_label_delay_days as {{ dbt.type_bigint() }})
        as p95_label_delay_days
from days
left join labeled_by_age
    on
        days.metric_date = labeled_by_age.metric_date
        and {{ log_loss.same_scope('days', 'labeled_by_age') }}
left join delay_quantiles
    on
        days.metric_date = delay_quantiles.metric_date
        and {{ log_loss.same_scope('days', 'delay_quantiles') }}
