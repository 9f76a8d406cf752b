{%- set scope = ['metric_date', 'window_days'] + log_loss.scope_columns() -%}
{%- set sums = [
    'row_count', 'event_count', 'score_sum', 'score_squared_sum', 'squared_error_sum'
] -%}
-- The bins of reliability diagrams: ten of a tenth of the scores' range each and, of a
-- whole version, ten of about a tenth of its rows each.
with

windows as (

    select
        *,
        case when is_event = 1 then row_count else 0 end as event_count,
        case
            when is_event = 1 then row_count - 2 * score_sum + score_squared_sum
            else score_squared_sum
        end as squared_error_sum
    from {{ ref('int_log_loss__calibration_windows') }}

),

score_bins as (

    select
        {{ scope | join(', ') }},
        score_bin,
        {% for sum in sums -%}
        sum({{ sum }}) as {{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from windows
    where cohort_name = 'all'
    group by
        {{ scope | join(', ') }},
        score_bin

),

-- a bin goes where its middle row does
ranked as (

    select
        *,
        10 * (
            sum(row_count) over (
                partition by {{ scope | join(', ') }}
                order by score_bin
                rows between unbounded preceding and current row
            ) - {{ log_loss.double('0.5') }} * row_count
        ) / sum(row_count) over (partition by {{ scope | join(', ') }}) as mass
    from score_bins

),

binned as (

    select
        {{ scope | join(', ') }},
        'uniform' as binning,
        score_decile + 1 as bin,
        {{ sums | join(', ') }}
    from windows

    union all

    select
        {{ scope | join(', ') }},
        'equal_mass' as binning,
        cast(floor(mass) as {{ dbt.type_int() }}) + 1 as bin,
        {{ sums | join(', ') }}
    from ranked

)

select
    {{ scope | join(', ') }},
    binning,
    cast(bin as {{ dbt.type_int() }}) as bin,
    cast(sum(row_count) as {{ dbt.type_bigint() }}) as labeled_count,
    cast(sum(event_count) as {{ dbt.type_bigint() }}) as event_count,
    sum(score_sum) as score_sum,
    -- rounding may leave a sum of p (1 - p) below zero
    case
        when sum(score_sum) > sum(score_squared_sum)
        then sum(score_sum) - sum(score_squared_sum)
        else {{ log_loss.double(0) }}
    end as score_variance_sum,
    case
        when sum(squared_error_sum) > 0 then sum(squared_error_sum)
        else {{ log_loss.double(0) }}
    end as squared_error_sum
from binned
group by
    {{ scope | join(', ') }},
    binning,
    bin
