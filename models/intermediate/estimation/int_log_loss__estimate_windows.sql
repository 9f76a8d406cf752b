{%- set estimation = log_loss.estimation() -%}
{%- set keys = log_loss.estimate_keys() -%}
{%- set window = ['metric_date', 'window_days', 'model_name', 'model_version'] -%}
-- What each estimate starts from, and what came true.
with

days as (

    select * from {{ ref('int_log_loss__estimate_days') }}

),

aged_sums as (

    select * from {{ ref('int_log_loss__aged_sums') }}
    where cohort_name = 'all' and label = 'all'

),

rhythms as (

    select
        model_name,
        known_on,
        max(is_weekly) as is_weekly
    from {{ ref('int_log_loss__completeness') }}
    group by model_name, known_on

),

so_far as (

    select
        {% for key in keys -%}
        days.{{ key }},
        {% endfor -%}
        sum(aged_sums.prediction_count) as prediction_count,
        sum(aged_sums.labeled_count) as labeled_count,
        sum(aged_sums.loss_sum) as loss_sum,
        sum(aged_sums.loss_squared_sum) as loss_squared_sum
    from days
    inner join aged_sums
        on
            days.member_date = aged_sums.metric_date
            and days.model_name = aged_sums.model_name
            and days.model_version = aged_sums.model_version
            and days.member_age = aged_sums.age_days
    group by
        {% for key in keys -%}
        days.{{ key }}{{ ',' if not loop.last }}
        {% endfor %}

),

-- a window is realised once its last day is
realised_days as (

    select distinct
        {% for column in window -%}
        days.{{ column }},
        {% endfor -%}
        days.member_date
    from days
    inner join aged_sums as ends
        on
            days.metric_date = ends.metric_date
            and days.model_name = ends.model_name
            and days.model_version = ends.model_version
    where ends.age_days = {{ estimation.horizon_days }}

),

realised as (

    select
        {% for column in window -%}
        realised_days.{{ column }},
        {% endfor -%}
        {{ log_loss.safe_divide(
            'sum(aged_sums.loss_sum)', 'sum(aged_sums.labeled_count)'
        ) }} as realised_loss
    from realised_days
    inner join aged_sums
        on
            realised_days.member_date = aged_sums.metric_date
            and realised_days.model_name = aged_sums.model_name
            and realised_days.model_version = aged_sums.model_version
    where aged_sums.age_days = {{ estimation.horizon_days }}
    group by
        {% for column in window -%}
        realised_days.{{ column }}{{ ',' if not loop.last }}
        {% endfor %}

)

select
    {% for key in keys -%}
    so_far.{{ key }},
    {% endfor -%}
    case
        when rhythms.is_weekly = 1
        then {{ log_loss.iso_weekday('so_far.metric_date') }}
        else 0
    end as weekday,
    so_far.prediction_count,
    so_far.labeled_count,
    {{ log_loss.safe_divide('so_far.loss_sum', 'so_far.labeled_count') }} as mean_loss,
    {{ log_loss.sample_stddev(
        'so_far.loss_sum', 'so_far.loss_squared_sum', 'so_far.labeled_count'
    ) | indent(4) }} as loss_stddev,
    realised.realised_loss
from so_far
left join rhythms
    on
        so_far.model_name = rhythms.model_name
        and so_far.known_on = rhythms.known_on
left join realised
    on {{ log_loss.same_columns(window, 'so_far', 'realised') }}
