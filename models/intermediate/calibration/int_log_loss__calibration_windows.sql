{%- set sums = ['event_loss_sum', 'score_sum', 'score_squared_sum'] -%}
{%- set history_days = log_loss.configuration().alert_history_days -%}
{%- set cell = log_loss.scope_columns() + ['score_bin', 'score_decile', 'is_event'] -%}
-- What had a label in force today, by score: of each day, and in the 7 and 28 days up
-- to each of the last days.
with

bins as (

    select * from {{ ref('int_log_loss__score_bins') }}
    where label is not null

),

clock as (

    select {{ log_loss.add_days('as_of_date', -history_days) }} as before_date
    from {{ ref('int_log_loss__clock') }}

),

windows as (

    {% for days in log_loss.calibration_windows() if days > 1 -%}
    select {{ days }} as window_days
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- a day on which nothing was labeled ends windows as well
days as (

    select
        daily_sums.metric_date,
        {{ log_loss.scope_columns('daily_sums') | join(',\n        ') }}
    from {{ ref('int_log_loss__daily_sums') }} as daily_sums
    inner join clock on daily_sums.metric_date > clock.before_date
    where daily_sums.prediction_count > 0

),

ends as (

    select
        days.*,
        windows.window_days,
        {{ log_loss.add_days('days.metric_date', '1 - windows.window_days') }}
            as start_date
    from days
    cross join windows

),

members as (

    select
        metric_date,
        1 as window_days,
        {{ cell | join(',\n        ') }},
        row_count,
        {{ sums | join(',\n        ') }}
    from bins

    union all

    select
        ends.metric_date,
        ends.window_days,
        {{ log_loss.scope_columns('bins') | join(',\n        ') }},
        bins.score_bin,
        bins.score_decile,
        bins.is_event,
        bins.row_count,
        {% for sum in sums -%}
        bins.{{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from ends
    inner join bins
        on
            {{ log_loss.same_scope('ends', 'bins') }}
            and ends.start_date <= bins.metric_date
            and ends.metric_date >= bins.metric_date

)

select
    metric_date,
    window_days,
    {{ cell | join(',\n    ') }},
    cast(sum(row_count) as {{ dbt.type_bigint() }}) as row_count,
    {% for sum in sums -%}
    sum({{ sum }}) as {{ sum }}{{ ',' if not loop.last }}
    {% endfor %}
from members
group by
    metric_date,
    window_days,
    {{ cell | join(',\n    ') }}
