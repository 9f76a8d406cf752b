{%- set estimation = log_loss.estimation() -%}
{%- set horizon_days = estimation.horizon_days -%}
-- Every day of the windows that estimates are made of, at its age on the date of the
-- estimate. What came after a day's horizon is left out of its estimate as of its
-- realised loss.
with

aged_sums as (

    select * from {{ ref('int_log_loss__aged_sums') }}
    where cohort_name = 'all' and label = 'all'

),

clock as (

    select
        {{ log_loss.add_days('last_whole_date', -estimation.computed_days) }}
            as first_date
    from {{ ref('int_log_loss__clock') }}

),

numbers as (

    {{ log_loss.whole_numbers(0, estimation.windows | max - 1) }}

),

windows as (

    {% for days in estimation.windows -%}
    select {{ days }} as window_days
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

members as (

    select
        aged_sums.metric_date,
        windows.window_days,
        aged_sums.model_name,
        aged_sums.model_version,
        aged_sums.age_days,
        aged_sums.known_on,
        {{ log_loss.add_days('aged_sums.metric_date', '-numbers.number') }}
            as member_date,
        case
            when aged_sums.age_days + numbers.number > {{ horizon_days }}
            then {{ horizon_days }}
            else aged_sums.age_days + numbers.number
        end as member_age
    from aged_sums
    inner join clock on aged_sums.known_on > clock.first_date
    cross join windows
    inner join numbers on windows.window_days > numbers.number
    where aged_sums.age_days < {{ horizon_days }}

)

select
    {% for key in log_loss.estimate_keys() -%}
    members.{{ key }},
    {% endfor -%}
    members.member_date,
    members.member_age
from members
-- days on which nobody asked have no part in a window
inner join aged_sums
    on
        members.member_date = aged_sums.metric_date
        and members.model_name = aged_sums.model_name
        and members.model_version = aged_sums.model_version
        and members.member_age = aged_sums.age_days
