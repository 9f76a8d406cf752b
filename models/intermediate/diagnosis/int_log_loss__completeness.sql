{%- set estimation = log_loss.estimation() -%}
{%- set horizon_days = estimation.horizon_days -%}
{%- set ladder = 'partition by model_name, known_on, label, weekday' -%}
-- How much of a class has come at each age, by chain ladder, as known on each date.
with

triangle as (

    select * from {{ ref('int_log_loss__label_triangle') }}

),

entries as (

    {{ log_loss.rollup_rows(['overall']) }}

),

clock as (

    select
        as_of_date,
        {{ log_loss.add_days('as_of_date', -estimation.computed_days) }} as first_date
    from {{ ref('int_log_loss__clock') }}

),

dates as (

    select distinct
        aged_sums.model_name,
        aged_sums.known_on,
        {{ log_loss.add_days('aged_sums.known_on', -estimation.triangle_days) }}
            as first_report_date
    from {{ ref('int_log_loss__aged_sums') }} as aged_sums
    inner join clock on aged_sums.known_on > clock.first_date
    where aged_sums.cohort_name = 'all' and aged_sums.label = 'all'

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
        dates.known_on,
        {{ log_loss.iso_weekday('recorded_days.recorded_date') }} as weekday,
        sum(recorded_days.label_count) as label_count,
        min(recorded_days.recorded_date) as first_date
    from dates
    inner join recorded_days
        on
            dates.model_name = recorded_days.model_name
            and dates.known_on >= recorded_days.recorded_date
            and dates.first_report_date < recorded_days.recorded_date
    group by
        dates.model_name,
        dates.known_on,
        {{ log_loss.iso_weekday('recorded_days.recorded_date') }}

),

rhythms as (

    select
        dates.model_name,
        dates.known_on,
        dates.first_report_date,
        case
            when
                2 * max(recorded_weekdays.label_count)
                > sum(recorded_weekdays.label_count)
                and {{ log_loss.days_between(
                    'min(recorded_weekdays.first_date)', 'dates.known_on'
                ) }} >= 14
            then 1
            else 0
        end as is_weekly
    from dates
    left join recorded_weekdays
        on
            dates.model_name = recorded_weekdays.model_name
            and dates.known_on = recorded_weekdays.known_on
    group by dates.model_name, dates.known_on, dates.first_report_date

),

-- a class that nobody had heard of then is none
known_classes as (

    select
        rhythms.model_name,
        rhythms.known_on,
        triangle.label
    from rhythms
    inner join triangle
        on
            rhythms.model_name = triangle.model_name
            and rhythms.known_on >= triangle.known_on
            and rhythms.first_report_date < triangle.known_on
    where triangle.next_labeled_count > 0
    group by
        rhythms.model_name,
        rhythms.known_on,
        triangle.label

),

reports as (

    select
        rhythms.model_name,
        rhythms.known_on,
        rhythms.is_weekly,
        triangle.label,
        triangle.age_days,
        triangle.labeled_count,
        triangle.next_labeled_count,
        case when rhythms.is_weekly = 1 then triangle.weekday else 0 end as weekday
    from rhythms
    inner join triangle
        on
            rhythms.model_name = triangle.model_name
            and rhythms.known_on >= triangle.known_on
            and rhythms.first_report_date < triangle.known_on
    inner join known_classes
        on
            rhythms.model_name = known_classes.model_name
            and rhythms.known_on = known_classes.known_on
            and triangle.label = known_classes.label

),

sums as (

    select
        model_name,
        known_on,
        is_weekly,
        label,
        weekday,
        age_days,
        count(*) as date_count,
        sum(labeled_count) as labeled_count,
        sum(next_labeled_count) as next_labeled_count
    from reports
    group by
        model_name,
        known_on,
        is_weekly,
        label,
        weekday,
        age_days

),

-- what still comes after the horizon, of days twice as old
late_labels as (

    select
        model_name,
        known_on,
        label,
        sum(labeled_count) as labeled_count,
        sum(next_labeled_count) as next_labeled_count
    from sums
    where age_days = {{ horizon_days }}
    group by model_name, known_on, label

),

developed as (

    select
        model_name,
        known_on,
        is_weekly,
        label,
        weekday,
        age_days,
        labeled_count,
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

)

select
    developed.model_name,
    developed.known_on,
    developed.label,
    cast(developed.weekday as {{ dbt.type_int() }}) as weekday,
    developed.is_weekly,
    developed.age_days,
    cast(developed.labeled_count as {{ dbt.type_bigint() }}) as labeled_count,
    cast(developed.least_labeled_count as {{ dbt.type_bigint() }})
        as least_labeled_count,
    cast(coalesce(developed.complete_date_count, 0) as {{ dbt.type_bigint() }})
        as complete_date_count,
    case
        when developed.complete_date_count is null then null
        when developed.least_labeled_count = 0 then {{ log_loss.double(0) }}
        else exp(developed.log_completeness)
    end as completeness,
    case
        when developed.complete_date_count is null then null
        when developed.development_variance > 0 then developed.development_variance
        else {{ log_loss.double(0) }}
    end as development_variance,
    1 - {{ log_loss.safe_divide(
        'late_labels.labeled_count', 'late_labels.next_labeled_count'
    ) }} as late_share
from developed
left join late_labels
    on
        developed.model_name = late_labels.model_name
        and developed.known_on = late_labels.known_on
        and developed.label = late_labels.label
