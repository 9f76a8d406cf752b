{%- set estimation = log_loss.estimation() -%}
{%- set horizon_days = estimation.horizon_days -%}
{%- set keys = log_loss.estimate_keys() -%}
{%- set window = ['metric_date', 'window_days', 'model_name', 'model_version'] -%}
{%- set null_double = 'cast(null as ' ~ log_loss.type_double() ~ ')' -%}
-- What each estimator says of each window of days, and how far off it was.
with

states_by_age as (

    select * from {{ ref('int_log_loss__states_by_age') }}
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

window_lengths as (

    {% for days in estimation.windows -%}
    select {{ days }} as window_days
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

members as (

    select
        states_by_age.metric_date,
        window_lengths.window_days,
        states_by_age.model_name,
        states_by_age.model_version,
        states_by_age.age_days,
        states_by_age.as_of_date,
        {{ log_loss.add_days('states_by_age.metric_date', '-numbers.number') }}
            as member_date,
        case
            when states_by_age.age_days + numbers.number > {{ horizon_days }}
            then {{ horizon_days }}
            else states_by_age.age_days + numbers.number
        end as member_age
    from states_by_age
    inner join clock on states_by_age.as_of_date > clock.first_date
    cross join window_lengths
    inner join numbers on window_lengths.window_days > numbers.number
    where states_by_age.age_days < {{ horizon_days }}

),

-- Every day of the windows, at its age on the date of the estimate. What came after a
-- day's horizon is left out of its estimate as of its realised loss.
estimate_days as (

    select
        {% for key in keys -%}
        members.{{ key }},
        {% endfor -%}
        members.member_date,
        members.member_age
    from members
    -- days on which nobody asked have no part in a window
    inner join states_by_age
        on
            members.member_date = states_by_age.metric_date
            and members.model_name = states_by_age.model_name
            and members.model_version = states_by_age.model_version
            and members.member_age = states_by_age.age_days

),

rhythms as (

    select
        model_name,
        as_of_date,
        max(is_weekly) as is_weekly
    from {{ ref('int_log_loss__completeness') }}
    group by model_name, as_of_date

),

so_far as (

    select
        {% for key in keys -%}
        estimate_days.{{ key }},
        {% endfor -%}
        sum(states_by_age.prediction_count) as prediction_count,
        sum(states_by_age.labeled_count) as labeled_count,
        sum(states_by_age.loss_sum) as loss_sum,
        sum(states_by_age.loss_squared_sum) as loss_squared_sum
    from estimate_days
    inner join states_by_age
        on
            estimate_days.member_date = states_by_age.metric_date
            and estimate_days.model_name = states_by_age.model_name
            and estimate_days.model_version = states_by_age.model_version
            and estimate_days.member_age = states_by_age.age_days
    group by
        {% for key in keys -%}
        estimate_days.{{ key }}{{ ',' if not loop.last }}
        {% endfor %}

),

-- a window is realised once its last day is
realised_members as (

    select distinct
        {% for column in window -%}
        estimate_days.{{ column }},
        {% endfor -%}
        estimate_days.member_date
    from estimate_days
    inner join states_by_age as ends
        on
            estimate_days.metric_date = ends.metric_date
            and estimate_days.model_name = ends.model_name
            and estimate_days.model_version = ends.model_version
    where ends.age_days = {{ estimation.horizon_days }}

),

realised as (

    select
        {% for column in window -%}
        realised_members.{{ column }},
        {% endfor -%}
        {{ log_loss.safe_divide(
            'sum(states_by_age.loss_sum)', 'sum(states_by_age.labeled_count)'
        ) }} as realised_loss
    from realised_members
    inner join states_by_age
        on
            realised_members.member_date = states_by_age.metric_date
            and realised_members.model_name = states_by_age.model_name
            and realised_members.model_version = states_by_age.model_version
    where states_by_age.age_days = {{ estimation.horizon_days }}
    group by
        {% for column in window -%}
        realised_members.{{ column }}{{ ',' if not loop.last }}
        {% endfor %}

),

-- what each estimate starts from, and what came true
windows as (

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
        {{ log_loss.safe_divide('so_far.loss_sum', 'so_far.labeled_count') }}
            as mean_loss,
        {{ log_loss.sample_stddev(
            'so_far.loss_sum', 'so_far.loss_squared_sum', 'so_far.labeled_count'
        ) }} as loss_stddev,
        realised.realised_loss
    from so_far
    left join rhythms
        on
            so_far.model_name = rhythms.model_name
            and so_far.as_of_date = rhythms.as_of_date
    left join realised
        on {{ log_loss.same_columns(window, 'so_far', 'realised') }}

),

{{ log_loss.completeness_weighted('estimate_days') }},

{{ log_loss.post_stratified('estimate_days', 'windows') }},

{{ log_loss.label_free('estimate_days') }},

estimates as (

    select
        {{ keys | join(', ') }},
        'so_far' as estimator,
        mean_loss as estimate,
        {{ null_double }} as standard_error,
        {{ null_double }} as day_error,
        case when labeled_count = 0 then 'too_few_labels' end as reason
    from windows

    union all

    select
        {{ keys | join(', ') }},
        'label_free' as estimator,
        {{ log_loss.safe_divide('entropy_sum', 'prediction_count') }} as estimate,
        {{ log_loss.safe_divide('sqrt(entropy_variance_sum)', 'prediction_count') }}
            as standard_error,
        {{ null_double }} as day_error,
        cast(null as {{ dbt.type_string() }}) as reason
    from label_free

    union all

    select
        {{ keys | join(', ') }},
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
