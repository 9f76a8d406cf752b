{%- set sums = ['event_loss_sum', 'score_sum', 'score_squared_sum'] -%}
{%- set history_days = log_loss.configuration().alert_history_days -%}
{%- set cell = log_loss.scope_columns() + ['score_bin', 'score_decile', 'is_event'] -%}
-- What had a label in force today, by score: of each day, and in the 7 and 28 days up
-- to each of the last days.
with

entries as (

    {{ log_loss.ledger_rows(['score_bin', 'cohort_score_decile']) }}

),

labeled_entries as (

    select
        metric_date,
        {{ log_loss.scope_columns() | join(', ') }},
        case when grain = 'score_bin' then bin end as score_bin,
        case
            when grain = 'cohort_score_decile' then bin
            else {{ log_loss.score_decile('bin') }}
        end as score_decile,
        {{ log_loss.is_event('label', 'predicted_label') }} as is_event,
        entry_count,
        {{ sums | join(', ') }}
    from entries
    where label is not null

),

label_sums as (

    select
        metric_date,
        {{ cell | join(', ') }},
        sum(entry_count) as row_count,
        {% for sum in sums -%}
        sum({{ sum }}) as {{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from labeled_entries
    group by
        metric_date,
        {{ cell | join(', ') }}

),

-- labels that were all taken back leave a count of 0, and rounding
bins as (

    select
        metric_date,
        {{ log_loss.scope_columns() | join(', ') }},
        cast(score_bin as {{ dbt.type_int() }}) as score_bin,
        cast(score_decile as {{ dbt.type_int() }}) as score_decile,
        is_event,
        row_count,
        {% for sum in sums -%}
        case when {{ sum }} < 0 then {{ log_loss.double(0) }} else {{ sum }} end
            as {{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from label_sums
    where row_count > 0

),

clock as (

    select {{ log_loss.add_days('as_of_date', -history_days) }} as before_date
    from {{ ref('int_log_loss__clock') }}

),

windows as (

    {% for days in log_loss.constants().calibration_days if days > 1 -%}
    select {{ days }} as window_days
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- a day on which nothing was labeled ends windows as well
days as (

    select
        daily_sums.metric_date,
        {{ log_loss.scope_columns('daily_sums') | join(', ') }}
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
        {{ cell | join(', ') }},
        row_count,
        {{ sums | join(', ') }}
    from bins

    union all

    select
        ends.metric_date,
        ends.window_days,
        {{ log_loss.scope_columns('bins') | join(', ') }},
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
    {{ cell | join(', ') }},
    cast(sum(row_count) as {{ dbt.type_bigint() }}) as row_count,
    {% for sum in sums -%}
    sum({{ sum }}) as {{ sum }}{{ ',' if not loop.last }}
    {% endfor %}
from members
group by
    metric_date,
    window_days,
    {{ cell | join(', ') }}
