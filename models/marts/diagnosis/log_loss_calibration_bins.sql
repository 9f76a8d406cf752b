{%- set z = log_loss.double(1.959963984540054) -%}
with

bins as (

    select
        *,
        {% for sum in ['score_variance', 'squared_error'] -%}
        sum({{ sum }}_sum) over (
            partition by
                metric_date,
                window_days,
                {{ log_loss.scope_columns() | join(',\n                ') }},
                binning
        ) as {{ sum }}_of_scope,
        {% endfor -%}
        {{ log_loss.safe_divide('event_count', 'labeled_count') }} as event_share
    from {{ ref('int_log_loss__reliability_bins') }}
    cross join {{ ref('int_log_loss__clock') }}

)

select
    metric_date,
    cast(window_days as {{ dbt.type_bigint() }}) as window_days,
    {{ log_loss.scope_columns() | join(',\n    ') }},
    binning,
    cast(bin as {{ dbt.type_bigint() }}) as bin,
    {{ log_loss.days_between('metric_date', 'as_of_date') }}
    >= {{ log_loss.configuration().mature_days }} as is_mature,
    labeled_count,
    score_sum / labeled_count as mean_score,
    event_share,
    {% for side, sign in {'lower': '-', 'upper': '+'}.items() -%}
    (
        event_share + {{ z }} * {{ z }} / (2 * labeled_count)
        {{ sign }} {{ z }} * sqrt(
            (
                event_share * (1 - event_share)
                + {{ z }} * {{ z }} / (4 * labeled_count)
            ) / labeled_count
        )
    ) / (1 + {{ z }} * {{ z }} / labeled_count)
        as event_share_ci_{{ side }}{{ ',' if not loop.last }}
    {% endfor %}
from bins
where
    cohort_name = 'all'
    or {{ log_loss.is_calibration_testable(
        'score_variance_of_scope', 'squared_error_of_scope'
    ) }}
