{%- set sums = ['event_loss_sum', 'score_sum', 'score_squared_sum'] -%}
-- What had a label in force today, by score, in the 1, 7 and 28 days up to each day.
with

bins as (

    select * from {{ ref('int_log_loss__score_bins') }}
    where label is not null

),

windows as (

    {% for days in log_loss.calibration_windows() -%}
    select {{ days }} as window_days
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

days as (

    select distinct
        metric_date,
        {{ log_loss.scope_columns() | join(',\n        ') }}
    from bins

),

ends as (

    select
        days.*,
        windows.window_days,
        {{ log_loss.add_days('days.metric_date', '1 - windows.window_days') }}
            as start_date
    from days
    cross join windows

)

select
    ends.metric_date,
    ends.window_days,
    {{ log_loss.scope_columns('ends') | join(',\n    ') }},
    bins.score_bin,
    bins.score_decile,
    bins.is_event,
    cast(sum(bins.row_count) as {{ dbt.type_bigint() }}) as row_count,
    {% for sum in sums -%}
    sum(bins.{{ sum }}) as {{ sum }}{{ ',' if not loop.last }}
    {% endfor %}
from ends
inner join bins
    on
        {{ log_loss.same_scope('ends', 'bins') }}
        and ends.start_date <= bins.metric_date
        and ends.metric_date >= bins.metric_date
group by
    ends.metric_date,
    ends.window_days,
    {{ log_loss.scope_columns('ends') | join(',\n    ') }},
    bins.score_bin,
    bins.score_decile,
    bins.is_event
