{%- set settings = log_loss.configuration() -%}
{%- set pair = ['model_name', 'candidate_version', 'serving_version', 'role'] -%}
{%- set far = log_loss.far_date() %}

-- Which days each look at a candidate and the serving version compares.
with

day_states as (

    select * from {{ ref('int_log_loss__day_states') }}

),

deployments as (

    select
        model_name,
        model_version,
        role,
        cast(deployed_at as date) as start_date,
        -- the day of its last instant
        case
            when retired_at is null then {{ far }}
            when retired_at = cast(
                cast(retired_at as date) as {{ log_loss.type_utc_timestamp() }}
            )
            then {{ log_loss.add_days('cast(retired_at as date)', -1) }}
            else cast(retired_at as date)
        end as end_date
    from {{ ref('stg_log_loss__deployments') }}
    where deployed_at is not null

),

pairs as (

    select
        candidates.model_name,
        candidates.model_version as candidate_version,
        serving.model_version as serving_version,
        candidates.role,
        min(
            case
                when candidates.start_date > serving.start_date
                then candidates.start_date
                else serving.start_date
            end
        ) as start_date,
        max(
            case
                when candidates.end_date < serving.end_date then candidates.end_date
                else serving.end_date
            end
        ) as end_date
    from deployments as candidates
    inner join deployments as serving
        on
            candidates.model_name = serving.model_name
            and candidates.model_version <> serving.model_version
            and candidates.start_date <= serving.end_date
            and candidates.end_date >= serving.start_date
    where
        candidates.role in ('canary', 'shadow')
        and serving.role = 'serving'
    group by
        candidates.model_name,
        candidates.model_version,
        serving.model_version,
        candidates.role

),

-- since when each day of a version is mature ---------------------------------------

first_dates as (

    select
        metric_date,
        model_name,
        model_version,
        min(
            case
                when
                    {{ log_loss.safe_divide('labeled_count', 'prediction_count') }}
                    >= {{ log_loss.double(settings.mature_coverage) }}
                then known_from
            end
        ) as covered_date,
        min(
            case
                when
                    known_from
                    >= {{ log_loss.add_days('metric_date', settings.mature_days) }}
                then known_from
                else {{ log_loss.add_days('metric_date', settings.mature_days) }}
            end
        ) as aged_date
    from day_states
    where
        cohort_name = 'all'
        and label = 'all'
        and prediction_count > 0
    group by
        metric_date,
        model_name,
        model_version

),

mature_days as (

    select
        first_dates.metric_date,
        first_dates.model_name,
        first_dates.model_version,
        case
            when first_dates.covered_date < first_dates.aged_date
            then first_dates.covered_date
            else first_dates.aged_date
        end as mature_date
    from first_dates

),

-- the days that both have ------------------------------------------------------------

pair_days as (

    select
        {% for column in pair -%}
        pairs.{{ column }},
        {% endfor -%}
        candidate_days.metric_date,
        case
            when candidate_days.mature_date > serving_days.mature_date
            then candidate_days.mature_date
            else serving_days.mature_date
        end as mature_date
    from pairs
    inner join mature_days as candidate_days
        on
            pairs.model_name = candidate_days.model_name
            and pairs.candidate_version = candidate_days.model_version
            and pairs.start_date <= candidate_days.metric_date
            and pairs.end_date >= candidate_days.metric_date
    inner join mature_days as serving_days
        on
            pairs.model_name = serving_days.model_name
            and pairs.serving_version = serving_days.model_version
            and candidate_days.metric_date = serving_days.metric_date

),

known_pair_days as (

    select
        pair_days.*,
        min(pair_days.mature_date) over (
            partition by {{ pair | join(', ') }}
            order by pair_days.metric_date
            rows between 1 following and unbounded following
        ) as next_mature_date
    from pair_days
    inner join {{ ref('int_log_loss__clock') }} as clock
        on pair_days.mature_date <= clock.as_of_date

),

-- A comparison is made when a later day than any before is mature, on all days that
-- are by then.
steps as (

    select *
    from known_pair_days
    where next_mature_date is null or next_mature_date > mature_date

)

select
    {% for column in pair -%}
    steps.{{ column }},
    {% endfor -%}
    steps.metric_date as through_date,
    steps.mature_date as as_of_date,
    known_pair_days.metric_date
from steps
inner join known_pair_days
    on
        {% for column in pair -%}
        steps.{{ column }} = known_pair_days.{{ column }}
        and {% endfor -%}
        steps.mature_date >= known_pair_days.mature_date
