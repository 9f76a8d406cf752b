{%- set estimation = log_loss.estimation() -%}
{%- set horizon_days = estimation.horizon_days -%}
{%- set keys = [
    'metric_date', 'window_days', 'model_name', 'model_version', 'age_days', 'known_on'
] -%}
{%- set of_members = [] -%}
{%- for key in keys -%}
    {%- do of_members.append('members.' ~ key) -%}
{%- endfor -%}
with

aged_sums as (

    select * from {{ ref('int_log_loss__aged_sums') }}

),

completeness as (

    select * from {{ ref('int_log_loss__completeness') }}

),

clock as (

    select
        as_of_date,
        {{ log_loss.add_days('as_of_date', -estimation.computed_days) }} as first_date
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

rhythms as (

    select
        model_name,
        known_on,
        max(is_weekly) as is_weekly
    from completeness
    group by model_name, known_on

),

-- every day of a window, at its age on the day of the estimate; what came after a day's
-- horizon is left out of its estimate as of its realised loss
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
    where
        aged_sums.cohort_name = 'all'
        and aged_sums.label = 'all'
        and aged_sums.age_days < {{ horizon_days }}

),

cells as (

    select
        members.*,
        aged_sums.cohort_name,
        aged_sums.cohort_value,
        aged_sums.label,
        {{ log_loss.iso_weekday('members.member_date') }} as weekday,
        aged_sums.prediction_count,
        aged_sums.labeled_count,
        aged_sums.loss_sum,
        aged_sums.loss_squared_sum
    from members
    inner join aged_sums
        on
            members.member_date = aged_sums.metric_date
            and members.model_name = aged_sums.model_name
            and members.model_version = aged_sums.model_version
            and members.member_age = aged_sums.age_days

),

so_far as (

    select
        {{ keys | join(',\n        ') }},
        sum(prediction_count) as prediction_count,
        sum(labeled_count) as labeled_count,
        {{ log_loss.safe_divide('sum(loss_sum)', 'sum(labeled_count)') }} as mean_loss,
        {{ log_loss.sample_stddev(
            'sum(loss_sum)', 'sum(loss_squared_sum)', 'sum(labeled_count)'
        ) | indent(8) }} as loss_stddev
    from cells
    where cohort_name = 'all' and label = 'all'
    group by {{ keys | join(',\n        ') }}

),

-- (b) completeness-weighted: a class of which little has come counts for more
ladders as (

    select distinct
        model_name,
        known_on,
        label,
        is_weekly,
        late_share
    from completeness

),

-- a class of which nothing has come yet has its ladder all the same
class_members as (

    select
        {% for key in keys -%}
        cells.{{ key }},
        {% endfor -%}
        cells.member_date,
        cells.member_age,
        ladders.label,
        ladders.is_weekly,
        ladders.late_share,
        case when ladders.is_weekly = 1 then cells.weekday else 0 end as weekday
    from cells
    inner join ladders
        on
            cells.model_name = ladders.model_name
            and cells.known_on = ladders.known_on
    where cells.cohort_name = 'all' and cells.label = 'all'

),

class_cells as (

    select
        class_members.*,
        coalesce(aged_sums.labeled_count, 0) as labeled_count,
        coalesce(aged_sums.loss_sum, 0) as loss_sum,
        coalesce(aged_sums.loss_squared_sum, 0) as loss_squared_sum,
        case
            when class_members.member_age = {{ horizon_days }}
            then {{ log_loss.double(1) }}
            else completeness.completeness
        end as completeness,
        case
            when class_members.member_age = {{ horizon_days }}
            then {{ log_loss.double(0) }}
            else completeness.development_variance
        end as development_variance,
        completeness.least_labeled_count,
        completeness.complete_date_count
    from class_members
    left join aged_sums
        on
            class_members.member_date = aged_sums.metric_date
            and class_members.model_name = aged_sums.model_name
            and class_members.model_version = aged_sums.model_version
            and class_members.member_age = aged_sums.age_days
            and class_members.label = aged_sums.label
            and aged_sums.cohort_name = 'all'
    left join completeness
        on
            class_members.model_name = completeness.model_name
            and class_members.known_on = completeness.known_on
            and class_members.label = completeness.label
            and class_members.weekday = completeness.weekday
            and class_members.member_age = completeness.age_days

),

class_sums as (

    select
        {{ keys | join(',\n        ') }},
        label,
        max(is_weekly) as is_weekly,
        max(late_share) as late_share,
        sum(labeled_count) as labeled_count,
        sum(loss_sum) as loss_sum,
        sum(loss_squared_sum) as loss_squared_sum,
        sum({{ log_loss.safe_divide('labeled_count', 'completeness') }})
            as expected_count,
        sum({{ log_loss.safe_divide('loss_sum', 'completeness') }})
            as expected_loss_sum,
        max(development_variance) as development_variance,
        min(completeness) as least_completeness,
        min(least_labeled_count) as least_labeled_count,
        min(complete_date_count) as complete_date_count,
        -- a day without a ladder leaves the sums short
        sum(case when completeness > 0 then 0 else 1 end) as unknown_count
    from class_cells
    group by
        {{ keys | join(',\n        ') }},
        label

),

classes as (

    select
        *,
        {{ log_loss.safe_divide('expected_loss_sum', 'expected_count') }} as mean_loss,
        {{ log_loss.sample_stddev(
            'loss_sum', 'loss_squared_sum', 'labeled_count'
        ) | indent(8) }} as loss_stddev
    from class_sums

),

class_shares as (

    select
        *,
        sum(expected_loss_sum) over (partition by {{ keys | join(', ') }})
        / nullif(sum(expected_count) over (partition by {{ keys | join(', ') }}), 0)
            as estimate,
        {{ log_loss.safe_divide(
            'expected_count',
            'sum(expected_count) over (partition by ' ~ keys | join(', ') ~ ')'
        ) }} as class_share,
        {{ log_loss.safe_divide('labeled_count', 'expected_count') }} as come_share
    from classes

),

class_terms as (

    select
        *,
        case when come_share < 1 then 1 - come_share else {{ log_loss.double(0) }} end
            as missing_share
    from class_shares

),

completeness_weighted as (

    select
        {{ keys | join(',\n        ') }},
        max(estimate) as estimate,
        sqrt(sum(
            class_share * class_share * (
                loss_stddev * loss_stddev * missing_share / nullif(labeled_count, 0)
                + (mean_loss - estimate) * (mean_loss - estimate)
                * (missing_share / nullif(labeled_count, 0) + development_variance)
            )
        )) as standard_error,
        min(labeled_count) as rarest_labeled_count,
        case
            when
                min(complete_date_count) is null
                or min(complete_date_count)
                < case when max(is_weekly) = 1 then 12 else 28 end
            then 'too_few_dates'
            when min(labeled_count) < 10 then 'too_few_labels'
            when
                min(least_labeled_count) < 100 or max(unknown_count) > 0
            then 'too_few_reports'
            when max(late_share) > {{ log_loss.double(0.05) }} then 'short_horizon'
            when min(least_completeness) < {{ log_loss.double(0.05) }}
            then 'too_incomplete'
        end as reason
    from class_terms
    group by {{ keys | join(',\n        ') }}

),

-- (c) post-stratified: a stratum of which little has come counts for all of it; the
-- small ones are taken together, and by the mean of all where that is small as well
strata as (

    select
        {{ keys | join(',\n        ') }},
        cohort_value,
        sum(prediction_count) as prediction_count,
        sum(labeled_count) as labeled_count,
        sum(loss_sum) as loss_sum,
        sum(loss_squared_sum) as loss_squared_sum
    from cells
    where cohort_name <> 'all'
    group by
        {{ keys | join(',\n        ') }},
        cohort_value

),

collapsed_strata as (

    select
        {{ keys | join(',\n        ') }},
        case when labeled_count < 10 then '(small)' else '=' || cohort_value end
            as stratum,
        sum(prediction_count) as prediction_count,
        sum(labeled_count) as labeled_count,
        sum(loss_sum) as loss_sum,
        sum(loss_squared_sum) as loss_squared_sum
    from strata
    group by
        {{ keys | join(',\n        ') }},
        case when labeled_count < 10 then '(small)' else '=' || cohort_value end

),

strata_means as (

    select
        {% for key in keys -%}
        collapsed_strata.{{ key }},
        {% endfor -%}
        {{ log_loss.safe_divide(
            'collapsed_strata.prediction_count', 'so_far.prediction_count'
        ) }} as weight,
        case
            when collapsed_strata.labeled_count < 10 then so_far.mean_loss
            else {{ log_loss.safe_divide(
                'collapsed_strata.loss_sum', 'collapsed_strata.labeled_count'
            ) }}
        end as mean_loss,
        case
            when collapsed_strata.labeled_count < 10 then so_far.loss_stddev
            else {{ log_loss.sample_stddev(
                'collapsed_strata.loss_sum', 'collapsed_strata.loss_squared_sum',
                'collapsed_strata.labeled_count'
            ) | indent(12) }}
        end as loss_stddev,
        case
            when collapsed_strata.labeled_count < 10 then so_far.labeled_count
            else collapsed_strata.labeled_count
        end as labeled_count,
        case
            when collapsed_strata.labeled_count < 10 then so_far.prediction_count
            else collapsed_strata.prediction_count
        end as prediction_count
    from collapsed_strata
    inner join so_far
        on {{ log_loss.same_columns(keys, 'collapsed_strata', 'so_far') }}

),

post_stratified as (

    select
        {{ keys | join(',\n        ') }},
        sum(weight * mean_loss) as estimate,
        sqrt(sum(
            weight * weight * loss_stddev * loss_stddev / nullif(labeled_count, 0)
            * case
                when labeled_count < prediction_count
                then 1 - {{ log_loss.safe_divide('labeled_count', 'prediction_count') }}
                else {{ log_loss.double(0) }}
            end
        )) as standard_error
    from strata_means
    group by {{ keys | join(',\n        ') }}

),

-- (a) label-free
label_free as (

    select
        {{ of_members | join(',\n        ') }},
        sum(sums.prediction_count) as prediction_count,
        sum(sums.covered_count) as covered_count,
        sum(sums.entropy_sum) as entropy_sum,
        sum(sums.entropy_variance_sum) as entropy_variance_sum,
        sum(sums.recalibrated_loss_sum) as recalibrated_loss_sum,
        min(sums.reference_days) as reference_days
    from members
    inner join {{ ref('int_log_loss__label_free_sums') }} as sums
        on
            members.member_date = sums.metric_date
            and members.model_name = sums.model_name
            and members.model_version = sums.model_version
            and members.known_on = sums.known_on
    group by {{ of_members | join(',\n        ') }}

),

estimates as (

    select
        {{ keys | join(',\n        ') }},
        'so_far' as estimator,
        mean_loss as estimate,
        cast(null as {{ log_loss.type_double() }}) as standard_error,
        case when labeled_count = 0 then 'too_few_labels' end as reason
    from so_far

    union all

    select
        {{ keys | join(',\n        ') }},
        'label_free' as estimator,
        {{ log_loss.safe_divide('entropy_sum', 'prediction_count') }} as estimate,
        {{ log_loss.safe_divide('sqrt(entropy_variance_sum)', 'prediction_count') }}
            as standard_error,
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
        case
            when reference_days < 28 then 'too_few_dates'
            when covered_count < {{ log_loss.double(0.95) }} * prediction_count
            then 'unknown_scores'
        end as reason
    from label_free

    union all

    select
        {% for key in keys -%}
        so_far.{{ key }},
        {% endfor -%}
        'completeness_weighted' as estimator,
        completeness_weighted.estimate,
        completeness_weighted.standard_error,
        case
            when completeness_weighted.metric_date is null then 'too_few_dates'
            else completeness_weighted.reason
        end as reason
    from so_far
    left join completeness_weighted
        on {{ log_loss.same_columns(keys, 'so_far', 'completeness_weighted') }}

    union all

    select
        {% for key in keys -%}
        so_far.{{ key }},
        {% endfor -%}
        'post_stratified' as estimator,
        post_stratified.estimate,
        post_stratified.standard_error,
        case
            when post_stratified.metric_date is null then 'no_stratum'
            when
                completeness_weighted.rarest_labeled_count is null
                or completeness_weighted.rarest_labeled_count < 40
            then 'too_few_labels'
        end as reason
    from so_far
    left join post_stratified
        on {{ log_loss.same_columns(keys, 'so_far', 'post_stratified') }}
    left join completeness_weighted
        on {{ log_loss.same_columns(keys, 'so_far', 'completeness_weighted') }}

),

-- a window is realised once its last day is
realised_ends as (

    select
        ends.metric_date,
        ends.model_name,
        ends.model_version,
        windows.window_days,
        {{ log_loss.add_days('ends.metric_date', '-numbers.number') }} as member_date
    from aged_sums as ends
    cross join windows
    inner join numbers on windows.window_days > numbers.number
    where
        ends.cohort_name = 'all'
        and ends.label = 'all'
        and ends.age_days = {{ horizon_days }}

),

realised as (

    select
        realised_ends.metric_date,
        realised_ends.window_days,
        realised_ends.model_name,
        realised_ends.model_version,
        {{ log_loss.safe_divide(
            'sum(aged_sums.loss_sum)', 'sum(aged_sums.labeled_count)'
        ) }} as realised_loss
    from realised_ends
    inner join aged_sums
        on
            realised_ends.member_date = aged_sums.metric_date
            and realised_ends.model_name = aged_sums.model_name
            and realised_ends.model_version = aged_sums.model_version
            and aged_sums.cohort_name = 'all'
            and aged_sums.label = 'all'
            and aged_sums.age_days = {{ horizon_days }}
    group by
        realised_ends.metric_date,
        realised_ends.window_days,
        realised_ends.model_name,
        realised_ends.model_version

)

select
    {% for key in keys -%}
    estimates.{{ key }},
    {% endfor -%}
    estimates.estimator,
    case
        when rhythms.is_weekly = 1
        then {{ log_loss.iso_weekday('estimates.metric_date') }}
        else 0
    end as weekday,
    case when estimates.reason is null then estimates.estimate end as estimate,
    case when estimates.reason is null then estimates.standard_error end
        as standard_error,
    estimates.reason,
    so_far.prediction_count,
    so_far.labeled_count,
    realised.realised_loss,
    case
        when estimates.reason is null
        then {{ log_loss.safe_divide('estimates.estimate', 'realised.realised_loss') }}
            - 1
    end as relative_error
from estimates
inner join so_far
    on {{ log_loss.same_columns(keys, 'estimates', 'so_far') }}
left join rhythms
    on
        estimates.model_name = rhythms.model_name
        and estimates.known_on = rhythms.known_on
left join realised
    on
        estimates.metric_date = realised.metric_date
        and estimates.window_days = realised.window_days
        and estimates.model_name = realised.model_name
        and estimates.model_version = realised.model_version
