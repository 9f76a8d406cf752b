{#
    The days that each rule judges. Only recent ones: an old breach must not fail
    today's build, and a version that has gone quiet is not judged at all.
#}
{%- set settings = log_loss.configuration() -%}
{%- set last = settings.evaluation_days - 1 %}

with

days as (

    select * from {{ ref('int_log_loss__daily_sums') }}

),

clock as (

    select as_of_date from {{ ref('int_log_loss__clock') }}

),

-- the days of a model's versions end together, so that they are judged on the same
recent_days as (

    select
        days.model_name,
        days.model_version,
        days.metric_date,
        days.is_mature
    from days
    inner join clock
        on
            days.metric_date <= clock.as_of_date
            and days.metric_date > {{ log_loss.add_days(
                'clock.as_of_date', -(settings.mature_days + settings.evaluation_days)
            ) }}
    where days.cohort_name = 'all' and days.prediction_count > 0

),

mature_ends as (

    select
        model_name,
        max(case when is_mature then metric_date end) as window_end_date
    from recent_days
    group by model_name

),

models as (

    select distinct model_name from days

),

ends as (

    select
        'mature' as window_name,
        model_name,
        window_end_date
    from mature_ends

    union all

    -- coverage is judged at an age: choosing days by their coverage would hide it
    select
        'aged' as window_name,
        mature_ends.model_name,
        {{ log_loss.add_days('clock.as_of_date', -settings.mature_days) }}
            as window_end_date
    from mature_ends
    cross join clock

    union all

    -- what needs no label is judged at once
    select
        'latest' as window_name,
        models.model_name,
        clock.as_of_date as window_end_date
    from models
    cross join clock

)

select
    window_name,
    model_name,
    {{ log_loss.add_days('window_end_date', -last) }} as window_start_date,
    window_end_date
from ends
