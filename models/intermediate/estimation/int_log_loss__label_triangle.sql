{%- set horizon_days = log_loss.estimation().horizon_days -%}
with

reported as (

    select
        model_name,
        metric_date,
        label,
        age_days,
        known_on,
        sum(labeled_count) as labeled_count
    from {{ ref('int_log_loss__aged_sums') }}
    where cohort_name = 'all'
    group by
        model_name,
        metric_date,
        label,
        age_days,
        known_on

),

days as (

    select
        model_name,
        metric_date,
        age_days,
        known_on
    from reported
    where label = 'all'

),

labels as (

    select distinct
        model_name,
        label
    from reported
    where label <> 'all'

),

-- a class of which nothing has come yet has a count as well: 0
cells as (

    select
        days.model_name,
        days.metric_date,
        days.age_days,
        days.known_on,
        labels.label,
        coalesce(reported.labeled_count, 0) as labeled_count
    from days
    inner join labels on days.model_name = labels.model_name
    left join reported
        on
            days.model_name = reported.model_name
            and days.metric_date = reported.metric_date
            and days.age_days = reported.age_days
            and labels.label = reported.label

),

steps as (

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
        lead(known_on) over (
            partition by model_name, metric_date, label
            order by age_days
        ) as known_on,
        max(case when age_days = {{ horizon_days }} then labeled_count end) over (
            partition by model_name, metric_date, label
        ) as horizon_labeled_count
    from cells

)

select
    model_name,
    metric_date,
    {{ log_loss.iso_weekday('metric_date') }} as weekday,
    label,
    age_days,
    known_on,
    labeled_count,
    next_labeled_count,
    horizon_labeled_count,
    {{ log_loss.add_days('metric_date', horizon_days) }} as horizon_date
from steps
where known_on is not null
