{%- set z = log_loss.z_95() -%}
-- The reliability diagram.
with

bins as (

    select
        *,
        {% for sum in ['score_variance', 'squared_error'] -%}
        sum({{ sum }}_sum) over (
            partition by
                metric_date,
                window_days,
                {{ log_loss.scope_columns() | join(', ') }},
                binning
        ) as {{ sum }}_of_scope,
        {% endfor -%}
        {{ log_loss.safe_divide('event_count', 'labeled_count') }} as event_share
    from {{ ref('int_log_loss__reliability_bins') }}

)

select
    bins.metric_date,
    cast(bins.window_days as {{ dbt.type_bigint() }}) as window_days,
    {{ log_loss.scope_columns('bins') | join(', ') }},
    bins.binning,
    cast(bins.bin as {{ dbt.type_bigint() }}) as bin,
    {{ log_loss.days_between('bins.metric_date', 'clock.as_of_date') }}
    >= {{ log_loss.configuration().mature_days }} as is_mature,
    bins.labeled_count,
    bins.score_sum / bins.labeled_count as mean_score,
    bins.event_share,
    {% for side, sign in {'lower': '-', 'upper': '+'}.items() -%}
    (
        bins.event_share + {{ z }} * {{ z }} / (2 * bins.labeled_count)
        {{ sign }} {{ z }} * sqrt(
            (
                bins.event_share * (1 - bins.event_share)
                + {{ z }} * {{ z }} / (4 * bins.labeled_count)
            ) / bins.labeled_count
        )
    ) / (1 + {{ z }} * {{ z }} / bins.labeled_count)
        as event_share_ci_{{ side }}{{ ',' if not loop.last }}
    {% endfor %}
from bins
cross join {{ ref('int_log_loss__clock') }} as clock
where
    bins.cohort_name = 'all'
    or {{ log_loss.is_calibration_testable(
        'bins.score_variance_of_scope', 'bins.squared_error_of_scope'
    ) }}
