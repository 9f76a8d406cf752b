{%- set scope = ['metric_date', 'window_days'] + log_loss.scope_columns() -%}
{%- set sums = [
    'loss_sum', 'loss_squared_sum', 'event_loss_sum', 'brier_sum', 'entropy_sum',
    'entropy_variance_sum',
] -%}
with

label_sums as (

    select
        metric_date,
        {{ log_loss.scope_columns() | join(',\n        ') }},
        {% for sum in sums -%}
        sum({{ sum }}) as {{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_log_loss__label_sums') }}
    where labeled_count > 0
    group by
        metric_date,
        {{ log_loss.scope_columns() | join(',\n        ') }}

),

days as (

    select
        daily_sums.metric_date,
        {{ log_loss.scope_columns('daily_sums') | join(',\n        ') }},
        daily_sums.prediction_count,
        {% for sum in sums -%}
        label_sums.{{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_log_loss__daily_sums') }} as daily_sums
    left join label_sums
        on
            daily_sums.metric_date = label_sums.metric_date
            and {{ log_loss.same_scope('daily_sums', 'label_sums') }}

),

bins as (

    select
        *,
        score_sum / labeled_count as mean_score,
        {{ log_loss.safe_divide('event_count', 'labeled_count') }} as event_share
    from {{ ref('int_log_loss__reliability_bins') }}

),

bin_terms as (

    select
        *,
        labeled_count * abs(mean_score - event_share) as gap_sum,
        labeled_count * {{ log_loss.binary_cross_entropy(
            'event_share', 'mean_score'
        ) | indent(8) }} as cross_entropy_sum,
        labeled_count * {{ log_loss.binary_cross_entropy(
            'event_share', 'event_share'
        ) | indent(8) }} as bin_entropy_sum
    from bins

),

scores as (

    select
        {{ scope | join(',\n        ') }},
        sum(case when binning = 'uniform' then labeled_count end) as labeled_count,
        sum(case when binning = 'uniform' then event_count end) as event_count,
        sum(case when binning = 'uniform' then score_sum end) as score_sum,
        sum(case when binning = 'uniform' then score_variance_sum end)
            as score_variance_sum,
        sum(case when binning = 'uniform' then squared_error_sum end)
            as squared_error_sum,
        sum(case when binning = 'uniform' then 1 end) as uniform_bin_count,
        sum(case when binning = 'uniform' then cross_entropy_sum end)
            as cross_entropy_sum,
        sum(case when binning = 'uniform' then bin_entropy_sum end) as bin_entropy_sum,
        {% for binning in ['uniform', 'equal_mass'] -%}
        sum(case when binning = '{{ binning }}' then gap_sum end)
            as {{ binning }}_gap_sum,
        max(case when binning = '{{ binning }}' then abs(mean_score - event_share) end)
            as {{ binning }}_largest_gap,
        sum(
            case
                when binning = '{{ binning }}'
                then sqrt(
                    {{ log_loss.double(0.6366197723675814) }} * score_variance_sum
                )
            end
        ) as {{ binning }}_expected_gap_sum{{ ',' if not loop.last }}
        {% endfor %}
    from bin_terms
    group by {{ scope | join(',\n        ') }}

),

windows as (

    select distinct
        metric_date,
        window_days,
        {{ log_loss.scope_columns() | join(',\n        ') }},
        {{ log_loss.add_days('metric_date', '1 - window_days') }} as start_date
    from scores

),

outcomes as (

    select
        windows.metric_date,
        windows.window_days,
        {{ log_loss.scope_columns('windows') | join(',\n        ') }},
        sum(days.prediction_count) as prediction_count,
        {% for sum in sums -%}
        sum(days.{{ sum }}) as {{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from windows
    inner join days
        on
            {{ log_loss.same_scope('windows', 'days') }}
            and windows.start_date <= days.metric_date
            and windows.metric_date >= days.metric_date
    group by
        windows.metric_date,
        windows.window_days,
        {{ log_loss.scope_columns('windows') | join(',\n        ') }}

)

select
    scores.*,
    outcomes.prediction_count,
    {% for sum in sums -%}
    outcomes.{{ sum }}{{ ',' if not loop.last }}
    {% endfor %}
from scores
inner join outcomes
    on {{ log_loss.same_columns(scope, 'scores', 'outcomes') }}
