{%- set estimation = log_loss.estimation() -%}
{%- set horizon_days = estimation.horizon_days -%}
{%- set keys = log_loss.estimate_keys() -%}
{%- set window = 'partition by ' ~ keys | join(', ') -%}
-- The loss at the horizon, where each class counts for what of it is still to come.
with

completeness as (

    select * from {{ ref('int_log_loss__completeness') }}

),

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
class_days as (

    select
        estimate_days.*,
        ladders.label,
        ladders.is_weekly,
        ladders.late_share,
        case
            when ladders.is_weekly = 1
            then {{ log_loss.iso_weekday('estimate_days.member_date') }}
            else 0
        end as weekday
    from {{ ref('int_log_loss__estimate_days') }} as estimate_days
    inner join ladders
        on
            estimate_days.model_name = ladders.model_name
            and estimate_days.known_on = ladders.known_on

),

class_cells as (

    select
        class_days.*,
        coalesce(aged_sums.labeled_count, 0) as labeled_count,
        coalesce(aged_sums.loss_sum, 0) as loss_sum,
        coalesce(aged_sums.loss_squared_sum, 0) as loss_squared_sum,
        {% for column, at_horizon in [
            ('completeness', 1), ('development_variance', 0), ('day_variance', 0)
        ] -%}
        case
            when class_days.member_age = {{ horizon_days }}
            then {{ log_loss.double(at_horizon) }}
            else completeness.{{ column }}
        end as {{ column }},
        {% endfor -%}
        completeness.least_labeled_count,
        completeness.complete_date_count
    from class_days
    left join {{ ref('int_log_loss__aged_sums') }} as aged_sums
        on
            class_days.member_date = aged_sums.metric_date
            and class_days.model_name = aged_sums.model_name
            and class_days.model_version = aged_sums.model_version
            and class_days.member_age = aged_sums.age_days
            and class_days.label = aged_sums.label
            and aged_sums.cohort_name = 'all'
    left join completeness
        on
            class_days.model_name = completeness.model_name
            and class_days.known_on = completeness.known_on
            and class_days.label = completeness.label
            and class_days.weekday = completeness.weekday
            and class_days.member_age = completeness.age_days

),

expected_cells as (

    select
        *,
        {{ log_loss.safe_divide('labeled_count', 'completeness') }} as expected_count,
        {{ log_loss.safe_divide('loss_sum', 'completeness') }} as expected_loss_sum
    from class_cells

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
        sum(expected_count) as expected_count,
        sum(expected_loss_sum) as expected_loss_sum,
        -- of labels that come, or are withdrawn, one by one
        sum(expected_count * abs(1 - completeness) / nullif(completeness, 0))
            as chance_sum,
        sum(expected_count * expected_count * day_variance) as day_sum,
        max(development_variance) as development_variance,
        min(completeness) as least_completeness,
        min(least_labeled_count) as least_labeled_count,
        min(complete_date_count) as complete_date_count,
        -- a day without a ladder leaves the sums short
        sum(case when completeness > 0 then 0 else 1 end) as unknown_count
    from expected_cells
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
        ) | indent(8) }} as loss_stddev,
        chance_sum / nullif(expected_count * expected_count, 0) as chance_variance,
        day_sum / nullif(expected_count * expected_count, 0) as day_variance,
        sum(expected_loss_sum) over ({{ window }})
        / nullif(sum(expected_count) over ({{ window }}), 0) as estimate,
        {{ log_loss.safe_divide(
            'expected_count', 'sum(expected_count) over (' ~ window ~ ')'
        ) }} as class_share
    from class_sums

),

terms as (

    select
        *,
        class_share * class_share * (mean_loss - estimate) * (mean_loss - estimate)
            as share_effect,
        class_share * class_share * loss_stddev * loss_stddev as loss_effect
    from classes

)

select
    {{ keys | join(',\n    ') }},
    max(estimate) as estimate,
    sqrt(sum(
        loss_effect * chance_variance
        + share_effect * (chance_variance + development_variance)
    )) as standard_error,
    sqrt(sum(share_effect * day_variance)) as day_error,
    -- a class that nobody has heard of yet may be there all the same
    cast(
        case when count(*) < 2 then 0 else min(labeled_count) end
        as {{ dbt.type_bigint() }}
    ) as rarest_labeled_count,
    case
        when
            min(complete_date_count) is null
            or min(complete_date_count)
            < case when max(is_weekly) = 1 then 12 else 28 end
        then 'too_few_dates'
        when count(*) < 2 or min(labeled_count) < 10 then 'too_few_labels'
        when
            min(least_labeled_count) < 100 or max(unknown_count) > 0
        then 'too_few_reports'
        when max(late_share) > {{ log_loss.double(0.05) }} then 'short_horizon'
        when min(least_completeness) < {{ log_loss.double(0.05) }} then 'too_incomplete'
    end as reason
from terms
group by {{ keys | join(',\n    ') }}
