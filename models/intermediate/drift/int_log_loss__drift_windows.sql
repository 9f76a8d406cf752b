{%- set settings = log_loss.configuration() -%}
{%- set baseline = settings.baseline -%}
{%- set version = ['model_name', 'model_version'] -%}
{%- set window_key = version + [
    'metric_date', 'window_days', 'start_date', 'as_of_date'
] -%}
{%- set longest = log_loss.constants().drift_days | max -%}
-- Which days are evaluated on each day, and which ones they are compared with.
with

entries as (

    {{ log_loss.ledger_rows(['overall']) }}

),

-- how many predictions of each day came when
arrivals as (

    select
        metric_date,
        {{ version | join(', ') }},
        recorded_date,
        sum(entry_count) as prediction_count
    from entries
    where entry_type = 'prediction'
    group by
        metric_date,
        {{ version | join(', ') }},
        recorded_date

),

clock as (

    select
        as_of_date,
        {{ log_loss.add_days('as_of_date', -settings.alert_history_days) }}
            as before_date
    from {{ ref('int_log_loss__clock') }}

),

-- every day as it is known today, and the last one as it was on each as-of date
ends as (

    {% for length in log_loss.constants().drift_days -%}
    select
        arrivals.model_name,
        arrivals.model_version,
        arrivals.metric_date,
        {{ length }} as window_days,
        clock.as_of_date
    from arrivals
    inner join clock
        on
            arrivals.metric_date > clock.before_date
            and arrivals.metric_date <= clock.as_of_date

    union distinct

    {% endfor -%}
    select
        arrivals.model_name,
        arrivals.model_version,
        max(arrivals.metric_date) as metric_date,
        {{ longest }} as window_days,
        as_of_dates.as_of_date
    from arrivals
    inner join {{ ref('int_log_loss__as_of_dates') }} as as_of_dates
        on
            arrivals.recorded_date <= as_of_dates.as_of_date
            and arrivals.metric_date <= as_of_dates.as_of_date
            and arrivals.metric_date > {{ log_loss.add_days(
                'as_of_dates.as_of_date', -longest
            ) }}
    group by
        arrivals.model_name,
        arrivals.model_version,
        as_of_dates.as_of_date

),

evaluations as (

    select
        *,
        {{ log_loss.add_days('metric_date', '1 - window_days') }} as start_date
    from ends

),

-- the days before the window that a version is compared with, as they were known then
own_days as (

    select
        {% for column in window_key -%}
        evaluations.{{ column }},
        {% endfor -%}
        arrivals.metric_date as reference_date,
        max(arrivals.recorded_date) as recorded_date,
        row_number() over (
            partition by
                {% for column in window_key -%}
                evaluations.{{ column }}{{ ',' if not loop.last }}
                {% endfor %}
            order by
                arrivals.metric_date {{ 'desc' if baseline.is_trailing else 'asc' }}
        ) as day_number
    from evaluations
    inner join arrivals
        on
            evaluations.model_name = arrivals.model_name
            and evaluations.model_version = arrivals.model_version
            and evaluations.as_of_date >= arrivals.recorded_date
            and {{ log_loss.add_days('evaluations.start_date', -baseline.gap_days) }}
            > arrivals.metric_date
            {{ log_loss.and_in_fixed_baseline('arrivals.metric_date') }}
    group by
        {% for column in window_key -%}
        evaluations.{{ column }},
        {% endfor -%}
        arrivals.metric_date

),

own_references as (

    select
        {{ window_key | join(', ') }},
        min(reference_date) as reference_start_date,
        max(reference_date) as reference_end_date,
        max(recorded_date) as reference_as_of_date
    from own_days
    where day_number <= {{ baseline.days }}
    group by
        {{ window_key | join(', ') }}
    having count(*) >= {{ baseline.min_days }}

),

launches as (

    select
        evaluations.model_name,
        evaluations.model_version,
        evaluations.as_of_date,
        min(arrivals.metric_date) as first_date
    from evaluations
    inner join arrivals
        on
            evaluations.model_name = arrivals.model_name
            and evaluations.model_version = arrivals.model_version
            and evaluations.as_of_date >= arrivals.recorded_date
    group by
        evaluations.model_name,
        evaluations.model_version,
        evaluations.as_of_date

),

-- the versions asked in the days before
lenders as (

    select
        launches.model_name,
        launches.model_version,
        launches.as_of_date,
        arrivals.model_version as reference_version,
        min(arrivals.metric_date) as reference_start_date,
        max(arrivals.metric_date) as reference_end_date,
        max(arrivals.recorded_date) as reference_as_of_date,
        sum(arrivals.prediction_count) as prediction_count
    from launches
    inner join arrivals
        on
            launches.model_name = arrivals.model_name
            and launches.model_version <> arrivals.model_version
            and launches.as_of_date >= arrivals.recorded_date
            and launches.first_date > arrivals.metric_date
            and {{ log_loss.add_days('launches.first_date', -baseline.days - 1) }}
            < arrivals.metric_date
            {{ log_loss.and_in_fixed_baseline('arrivals.metric_date') }}
    group by
        launches.model_name,
        launches.model_version,
        launches.as_of_date,
        arrivals.model_version
    having count(distinct arrivals.metric_date) >= {{ baseline.min_days }}

),

version_trials as (

    {{ log_loss.version_trials() }}

),

-- rather one that served than one that was only tried, and the one that was asked most
ranked_lenders as (

    select
        lenders.*,
        row_number() over (
            partition by lenders.model_name, lenders.model_version, lenders.as_of_date
            order by
                {{ log_loss.was_only_tried('trials', 'lenders.as_of_date') }} asc,
                lenders.prediction_count desc,
                lenders.reference_version asc
        ) as preference_rank
    from lenders
    left join version_trials as trials
        on
            lenders.model_name = trials.model_name
            and lenders.reference_version = trials.model_version

)

select
    {% for column in window_key -%}
    evaluations.{{ column }},
    {% endfor -%}
    case
        when own_references.model_name is not null then evaluations.model_version
        else ranked_lenders.reference_version
    end as reference_version,
    {% for column in [
        'reference_start_date', 'reference_end_date', 'reference_as_of_date'
    ] -%}
    coalesce(own_references.{{ column }}, ranked_lenders.{{ column }}) as {{ column }}
    {{- ',' if not loop.last }}
    {% endfor %}
from evaluations
left join own_references
    on {{ log_loss.same_columns(window_key, 'evaluations', 'own_references') }}
left join ranked_lenders
    on
        evaluations.model_name = ranked_lenders.model_name
        and evaluations.model_version = ranked_lenders.model_version
        and evaluations.as_of_date = ranked_lenders.as_of_date
        and ranked_lenders.preference_rank = 1
where
    own_references.model_name is not null
    or ranked_lenders.model_name is not null
