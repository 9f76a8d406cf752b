{%- set estimation = log_loss.estimation() -%}
{%- set horizon_days = estimation.horizon_days -%}
{%- set ladder = 'partition by model_name, as_of_date, label, weekday' -%}
-- How much of a class has come at each age, by chain ladder, as known on each date.
with

-- The reporting triangle: how many labels of each class each day had at each age and
-- at the next one; at the horizon that is twice the horizon, and then four times. All
-- versions together, since a label does not know who predicted it.
reported as (

    select
        model_name,
        metric_date,
        label,
        age_days,
        as_of_date,
        sum(labeled_count) as labeled_count
    from {{ ref('int_log_loss__states_by_age') }}
    where cohort_name = 'all'
    group by
        model_name,
        metric_date,
        label,
        age_days,
        as_of_date

),

reported_days as (

    select
        model_name,
        metric_date,
        age_days,
        as_of_date
    from reported
    where label = 'all'

),

reported_labels as (

    select distinct
        model_name,
        label
    from reported
    where label <> 'all'

),

-- a class of which nothing has come yet has a count as well: 0
triangle_cells as (

    select
        reported_days.model_name,
        reported_days.metric_date,
        reported_days.age_days,
        reported_days.as_of_date,
        reported_labels.label,
        coalesce(reported.labeled_count, 0) as labeled_count
    from reported_days
    inner join reported_labels
        on reported_days.model_name = reported_labels.model_name
    left join reported
        on
            reported_days.model_name = reported.model_name
            and reported_days.metric_date = reported.metric_date
            and reported_days.age_days = reported.age_days
            and reported_labels.label = reported.label

),

triangle_steps as (

    select
        model_name,
        metric_date,
        label,
        age_days,
        labeled_count,
        lead(labeled_count) over (
            partition by model_name, metric_date, label
            order by age_days
        ) as next_labeled_count,
        lead(as_of_date) over (
            partition by model_name, metric_date, label
            order by age_days
        ) as as_of_date,
        max(case when age_days = {{ horizon_days }} then labeled_count end) over (
            partition by model_name, metric_date, label
        ) as horizon_labeled_count
    from triangle_cells

),

triangle as (

    select
        model_name,
        metric_date,
        {{ log_loss.iso_weekday('metric_date') }} as weekday,
        label,
        age_days,
        as_of_date,
        labeled_count,
        next_labeled_count,
        horizon_labeled_count,
        {{ log_loss.add_days('metric_date', horizon_days) }} as horizon_date
    from triangle_steps
    where as_of_date is not null

),

entries as (

    {{ log_loss.ledger_rows(['overall']) }}

),

clock as (

    select
        {{ log_loss.add_days('last_whole_date', -estimation.computed_days) }}
            as first_date
    from {{ ref('int_log_loss__clock') }}

),

dates as (

    select distinct
        states_by_age.model_name,
        states_by_age.as_of_date,
        {{ log_loss.add_days('states_by_age.as_of_date', -estimation.triangle_days) }}
            as first_report_date
    from {{ ref('int_log_loss__states_by_age') }} as states_by_age
    inner join clock on states_by_age.as_of_date > clock.first_date
    where states_by_age.cohort_name = 'all' and states_by_age.label = 'all'

),

-- labels that come in weekly batches: a day's labels wait for the next of them
recorded_days as (

    select
        model_name,
        recorded_date,
        sum(entry_count) as label_count
    from entries
    where entry_type = 'new'
    group by model_name, recorded_date

),

recorded_weekdays as (

    select
        dates.model_name,
        dates.as_of_date,
        {{ log_loss.iso_weekday('recorded_days.recorded_date') }} as weekday,
        -- without the largest date: one backfill makes no weekly batches
        sum(recorded_days.label_count) - max(recorded_days.label_count) as label_count,
        min(recorded_days.recorded_date) as first_date
    from dates
    inner join recorded_days
        on
            dates.model_name = recorded_days.model_name
            and dates.as_of_date >= recorded_days.recorded_date
            and dates.first_report_date < recorded_days.recorded_date
    group by
        dates.model_name,
        dates.as_of_date,
        {{ log_loss.iso_weekday('recorded_days.recorded_date') }}

),

rhythms as (

    select
        dates.model_name,
        dates.as_of_date,
        dates.first_report_date,
        case
            when
                2 * max(recorded_weekdays.label_count)
                > sum(recorded_weekdays.label_count)
                and {{ log_loss.days_between(
                    'min(recorded_weekdays.first_date)', 'dates.as_of_date'
                ) }} >= 14
            then 1
            else 0
        end as is_weekly
    from dates
    left join recorded_weekdays
        on
            dates.model_name = recorded_weekdays.model_name
            and dates.as_of_date = recorded_weekdays.as_of_date
    group by dates.model_name, dates.as_of_date, dates.first_report_date

),

-- a class that nobody had heard of then is none
known_classes as (

    select
        rhythms.model_name,
        rhythms.as_of_date,
        triangle.label
    from rhythms
    inner join triangle
        on
            rhythms.model_name = triangle.model_name
            and rhythms.as_of_date >= triangle.as_of_date
            and rhythms.first_report_date < triangle.as_of_date
    where triangle.next_labeled_count > 0
    group by
        rhythms.model_name,
        rhythms.as_of_date,
        triangle.label

),

reports as (

    select
        rhythms.model_name,
        rhythms.as_of_date,
        rhythms.is_weekly,
        triangle.label,
        triangle.age_days,
        {% for count in ['labeled_count', 'next_labeled_count'] -%}
        cast(triangle.{{ count }} as {{ log_loss.type_double() }}) as {{ count }},
        {% endfor -%}
        {% for name, count in {
            'realised_labeled_count': 'labeled_count',
            'horizon_labeled_count': 'horizon_labeled_count',
        }.items() -%}
        case
            when rhythms.as_of_date >= triangle.horizon_date
            then cast(triangle.{{ count }} as {{ log_loss.type_double() }})
        end as {{ name }},
        {% endfor -%}
        case when rhythms.is_weekly = 1 then triangle.weekday else 0 end as weekday
    from rhythms
    inner join triangle
        on
            rhythms.model_name = triangle.model_name
            and rhythms.as_of_date >= triangle.as_of_date
            and rhythms.first_report_date < triangle.as_of_date
    inner join known_classes
        on
            rhythms.model_name = known_classes.model_name
            and rhythms.as_of_date = known_classes.as_of_date
            and triangle.label = known_classes.label

),

sums as (

    select
        model_name,
        as_of_date,
        is_weekly,
        label,
        weekday,
        age_days,
        count(*) as date_count,
        sum(labeled_count) as labeled_count,
        sum(next_labeled_count) as next_labeled_count,
        -- of the days that have reached the horizon
        count(horizon_labeled_count) as realised_date_count,
        {% for name, of in {
            'realised_sum': 'horizon_labeled_count',
            'realised_squared_sum': 'horizon_labeled_count * horizon_labeled_count',
            'come_squared_sum': 'realised_labeled_count * realised_labeled_count',
            'come_realised_sum': 'labeled_count * horizon_labeled_count',
        }.items() -%}
        sum({{ of }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from reports
    group by
        model_name,
        as_of_date,
        is_weekly,
        label,
        weekday,
        age_days

),

-- what still comes after the horizon, of days two and four times as old
late_labels as (

    select
        model_name,
        as_of_date,
        label,
        {% for age in [horizon_days, 2 * horizon_days] -%}
        coalesce({{ log_loss.safe_divide(
            'sum(case when age_days = ' ~ age ~ ' then labeled_count end)',
            'sum(case when age_days = ' ~ age ~ ' then next_labeled_count end)'
        ) }}, 1){{ ' *' if not loop.last }}
        {% endfor -%}
        as share_by_horizon
    from sums
    where age_days >= {{ horizon_days }}
    group by model_name, as_of_date, label
    having sum(case when age_days = {{ horizon_days }} then next_labeled_count end) > 0

),

developed as (

    select
        model_name,
        as_of_date,
        is_weekly,
        label,
        weekday,
        age_days,
        labeled_count,
        realised_date_count,
        realised_sum,
        realised_squared_sum,
        come_squared_sum,
        come_realised_sum,
        -sum(
            ln({{ log_loss.safe_divide(
                'nullif(next_labeled_count, 0)', 'labeled_count'
            ) }})
        ) over (
            {{ ladder }}
            order by age_days desc
            rows between unbounded preceding and current row
        ) as log_completeness,
        sum(
            {{ log_loss.safe_divide('1', 'labeled_count') }}
            - {{ log_loss.safe_divide('1', 'next_labeled_count') }}
        ) over (
            {{ ladder }}
            order by age_days desc
            rows between unbounded preceding and current row
        ) as development_variance,
        min(labeled_count) over (
            {{ ladder }}
            order by age_days desc
            rows between unbounded preceding and current row
        ) as least_labeled_count,
        min(case when age_days = {{ horizon_days - 1 }} then date_count end) over (
            {{ ladder }}
        ) as complete_date_count
    from sums
    where age_days < {{ horizon_days }}

),

shares as (

    select
        developed.*,
        case
            when developed.complete_date_count is null then null
            when developed.least_labeled_count = 0 then {{ log_loss.double(0) }}
            else exp(developed.log_completeness)
        end as completeness,
        1 - late_labels.share_by_horizon as late_share
    from developed
    left join late_labels
        on
            developed.model_name = late_labels.model_name
            and developed.as_of_date = late_labels.as_of_date
            and developed.label = late_labels.label

),

-- How far days are from the completeness of all, squared: by chance as many labels as
-- come one by one would be, and beyond it as fast and slow days are.
deviations as (

    select
        *,
        {{ log_loss.safe_divide('realised_date_count', 'realised_date_count - 1') }} * (
            come_squared_sum
            - 2 * completeness * come_realised_sum
            + completeness * completeness * realised_squared_sum
        ) as squared_deviation,
        abs(completeness * (1 - completeness)) * realised_sum as chance_deviation
    from shares

)

select
    model_name,
    as_of_date,
    label,
    cast(weekday as {{ dbt.type_int() }}) as weekday,
    is_weekly,
    age_days,
    cast(labeled_count as {{ dbt.type_bigint() }}) as labeled_count,
    cast(least_labeled_count as {{ dbt.type_bigint() }}) as least_labeled_count,
    cast(coalesce(complete_date_count, 0) as {{ dbt.type_bigint() }})
        as complete_date_count,
    completeness,
    case
        when complete_date_count is null then null
        when development_variance > 0 then development_variance
        else {{ log_loss.double(0) }}
    end as development_variance,
    case
        when complete_date_count is null then null
        when squared_deviation > chance_deviation and completeness > 0
        then
            (squared_deviation - chance_deviation)
            / nullif(realised_squared_sum, 0)
            / completeness / completeness
        else {{ log_loss.double(0) }}
    end as day_variance,
    late_share
from deviations
