{%- set settings = log_loss.configuration() -%}
{%- set baseline = settings.baseline -%}
{%- set window_days = log_loss.drift_windows() -%}
-- Which days are judged on each day, and which ones they are compared with.
with

days as (

    select
        metric_date,
        model_name,
        model_version,
        prediction_count
    from {{ ref('int_log_loss__daily_sums') }}
    where cohort_name = 'all' and prediction_count > 0

),

clock as (

    select
        {{ log_loss.add_days('as_of_date', -settings.alert_history_days) }}
            as before_date
    from {{ ref('int_log_loss__clock') }}

),

versions as (

    select
        model_name,
        model_version,
        min(metric_date) as first_date
    from days
    group by model_name, model_version

),

-- the version that served most in the days before
lenders as (

    select
        versions.model_name,
        versions.model_version,
        days.model_version as reference_version,
        min(days.metric_date) as start_date,
        max(days.metric_date) as end_date,
        count(*) as day_count,
        row_number() over (
            partition by versions.model_name, versions.model_version
            order by sum(days.prediction_count) desc, days.model_version
        ) as lender_rank
    from versions
    inner join days
        on
            versions.model_name = days.model_name
            and versions.model_version <> days.model_version
            and versions.first_date > days.metric_date
            and {{ log_loss.add_days('versions.first_date', -baseline.days - 1) }}
                < days.metric_date
    group by versions.model_name, versions.model_version, days.model_version
    having count(*) >= {{ baseline.min_days }}

),

windows as (

    {% for length in window_days -%}
    select
        days.model_name,
        days.model_version,
        days.metric_date,
        {{ length }} as window_days,
        {{ log_loss.add_days('days.metric_date', 1 - length) }} as start_date,
        {% if baseline.start_date -%}
        {{ log_loss.date_literal(baseline.start_date) }} as reference_start_date,
        {{ log_loss.date_literal(baseline.end_date) }} as reference_end_date
        {%- elif baseline.is_trailing -%}
        {{ log_loss.add_days(
            'days.metric_date', 1 - length - baseline.gap_days - baseline.days
        ) }} as reference_start_date,
        {{ log_loss.add_days('days.metric_date', -length - baseline.gap_days) }}
            as reference_end_date
        {%- else -%}
        versions.first_date as reference_start_date,
        case
            when
                {{ log_loss.add_days('versions.first_date', baseline.days - 1) }}
                < {{ log_loss.add_days('days.metric_date', -length) }}
            then {{ log_loss.add_days('versions.first_date', baseline.days - 1) }}
            else {{ log_loss.add_days('days.metric_date', -length) }}
        end as reference_end_date
        {%- endif %}
    from days
    inner join clock on days.metric_date > clock.before_date
    inner join versions
        on
            days.model_name = versions.model_name
            and days.model_version = versions.model_version
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

own_days as (

    select
        windows.model_name,
        windows.model_version,
        windows.metric_date,
        windows.window_days,
        windows.start_date,
        windows.reference_start_date,
        windows.reference_end_date,
        count(days.metric_date) as reference_day_count
    from windows
    left join days
        on
            windows.model_name = days.model_name
            and windows.model_version = days.model_version
            and windows.reference_start_date <= days.metric_date
            and windows.reference_end_date >= days.metric_date
    group by
        windows.model_name,
        windows.model_version,
        windows.metric_date,
        windows.window_days,
        windows.start_date,
        windows.reference_start_date,
        windows.reference_end_date

)

select
    own_days.model_name,
    own_days.model_version,
    own_days.metric_date,
    own_days.window_days,
    own_days.start_date,
    case
        when own_days.reference_day_count >= {{ baseline.min_days }}
        then own_days.model_version
        else lenders.reference_version
    end as reference_version,
    case
        when own_days.reference_day_count >= {{ baseline.min_days }}
        then own_days.reference_start_date
        else lenders.start_date
    end as reference_start_date,
    case
        when own_days.reference_day_count >= {{ baseline.min_days }}
        then own_days.reference_end_date
        else lenders.end_date
    end as reference_end_date
from own_days
left join lenders
    on
        own_days.model_name = lenders.model_name
        and own_days.model_version = lenders.model_version
        and lenders.lender_rank = 1
where
    own_days.reference_day_count >= {{ baseline.min_days }}
    or lenders.reference_version is not null
