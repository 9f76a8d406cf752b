{%- set keys = log_loss.estimate_keys() -%}
{%- set null_double = 'cast(null as ' ~ log_loss.type_double() ~ ')' -%}
-- What each estimator says of each window, and how far off it was.
with

windows as (

    select * from {{ ref('int_log_loss__estimate_windows') }}

),

completeness_weighted as (

    select * from {{ ref('int_log_loss__completeness_weighted') }}

),

post_stratified as (

    select * from {{ ref('int_log_loss__post_stratified') }}

),

label_free as (

    select
        {% for key in keys -%}
        estimate_days.{{ key }},
        {% endfor -%}
        sum(sums.prediction_count) as prediction_count,
        sum(sums.covered_count) as covered_count,
        sum(sums.entropy_sum) as entropy_sum,
        sum(sums.entropy_variance_sum) as entropy_variance_sum,
        sum(sums.recalibrated_loss_sum) as recalibrated_loss_sum,
        min(sums.reference_days) as reference_days
    from {{ ref('int_log_loss__estimate_days') }} as estimate_days
    inner join {{ ref('int_log_loss__label_free_sums') }} as sums
        on
            estimate_days.member_date = sums.metric_date
            and estimate_days.model_name = sums.model_name
            and estimate_days.model_version = sums.model_version
            and estimate_days.known_on = sums.known_on
    group by
        {% for key in keys -%}
        estimate_days.{{ key }}{{ ',' if not loop.last }}
        {% endfor %}

),

estimates as (

    select
        {{ keys | join(',\n        ') }},
        'so_far' as estimator,
        mean_loss as estimate,
        {{ null_double }} as standard_error,
        {{ null_double }} as day_error,
        case when labeled_count = 0 then 'too_few_labels' end as reason
    from windows

    union all

    select
        {{ keys | join(',\n        ') }},
        'label_free' as estimator,
        {{ log_loss.safe_divide('entropy_sum', 'prediction_count') }} as estimate,
        {{ log_loss.safe_divide('sqrt(entropy_variance_sum)', 'prediction_count') }}
            as standard_error,
        {{ null_double }} as day_error,
        cast(null as {{ dbt.type_string() }}) as reason
    from label_free

    union all

    select
        {{ keys | join(',\n        ') }},
        'label_free_recalibrated' as estimator,
        {{ log_loss.safe_divide('recalibrated_loss_sum', 'covered_count') }}
            as estimate,
        {{ log_loss.safe_divide('sqrt(entropy_variance_sum)', 'prediction_count') }}
            as standard_error,
        {{ null_double }} as day_error,
        case
            when reference_days < 28 then 'too_few_dates'
            when covered_count < {{ log_loss.double(0.95) }} * prediction_count
            then 'unknown_scores'
        end as reason
    from label_free

    union all

    select
        {% for key in keys -%}
        windows.{{ key }},
        {% endfor -%}
        'completeness_weighted' as estimator,
        completeness_weighted.estimate,
        completeness_weighted.standard_error,
        completeness_weighted.day_error,
        case
            when completeness_weighted.metric_date is null then 'too_few_dates'
            else completeness_weighted.reason
        end as reason
    from windows
    left join completeness_weighted
        on {{ log_loss.same_columns(keys, 'windows', 'completeness_weighted') }}

    union all

    select
        {% for key in keys -%}
        windows.{{ key }},
        {% endfor -%}
        'post_stratified' as estimator,
        post_stratified.estimate,
        post_stratified.standard_error,
        {{ null_double }} as day_error,
        case
            when post_stratified.metric_date is null then 'no_stratum'
            when coalesce(completeness_weighted.rarest_labeled_count, 0) < 40
            then 'too_few_labels'
        end as reason
    from windows
    left join post_stratified
        on {{ log_loss.same_columns(keys, 'windows', 'post_stratified') }}
    left join completeness_weighted
        on {{ log_loss.same_columns(keys, 'windows', 'completeness_weighted') }}

)

select
    {% for key in keys -%}
    estimates.{{ key }},
    {% endfor -%}
    estimates.estimator,
    windows.weekday,
    {% for column in ['estimate', 'standard_error', 'day_error'] -%}
    case when estimates.reason is null then estimates.{{ column }} end as {{ column }},
    {% endfor -%}
    estimates.reason,
    windows.prediction_count,
    windows.labeled_count,
    windows.realised_loss,
    case
        when estimates.reason is null
        then {{ log_loss.safe_divide('estimates.estimate', 'windows.realised_loss') }}
            - 1
    end as relative_error
from estimates
inner join windows
    on {{ log_loss.same_columns(keys, 'estimates', 'windows') }}
