{%- set settings = log_loss.configuration() -%}
{%- set scope = log_loss.scope_columns() | join(', ') -%}
{%- set scope_of = log_loss.scope_columns -%}
{%- set sums = [
    'prediction_count', 'labeled_count', 'clipped_count', 'weighted_count', 'loss_sum',
    'loss_squared_sum', 'weighted_loss_sum', 'weight_sum',
] -%}
{#- how old an evaluated day may be, and a day of a window that ends with it -#}
{%- set evaluation_age = settings.mature_days + settings.evaluation_days -%}
{%- set is_mature -%}
prediction_count > 0
        and (
            age_days >= {{ settings.mature_days }}
            or {{ log_loss.safe_divide('labeled_count', 'prediction_count') }}
            >= {{ log_loss.double(settings.mature_coverage) }}
        )
{%- endset %}
{#- a day that can be of the baseline of what is evaluated on a date -#}
{%- set may_be_normal -%}
evaluations.as_of_date >= predicted_days.known_from
            and {{ log_loss.add_days(
                'evaluations.window_start_date', -settings.baseline.gap_days
            ) }} > predicted_days.metric_date
            {{ log_loss.and_in_fixed_baseline('predicted_days.metric_date') }}
{%- endset %}
{%- set day_columns -%}
as_of_date, metric_date, {{ scope }}, measured_version, age_days, {{ sums | join(', ') }}
{%- endset %}

with

day_states as (

    select * from {{ ref('int_log_loss__day_states') }}
    where label = 'all'

),

as_of_dates as (

    select * from {{ ref('int_log_loss__as_of_dates') }}

),

-- what is evaluated -------------------------------------------------------------------

recent_days as (

    select
        as_of_dates.as_of_date,
        day_states.metric_date,
        {{ scope_of('day_states') | join(', ') }},
        day_states.model_version as measured_version,
        {{ log_loss.days_between(
            'day_states.metric_date', 'as_of_dates.as_of_date'
        ) }} as age_days,
        {% for sum in sums -%}
        day_states.{{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from day_states
    inner join as_of_dates
        on
            day_states.known_from <= as_of_dates.as_of_date
            and day_states.known_until > as_of_dates.as_of_date
            and day_states.metric_date <= as_of_dates.as_of_date
            and day_states.metric_date > {{ log_loss.add_days(
                'as_of_dates.as_of_date', -(evaluation_age + settings.error_budget.days)
            ) }}

),

mature_days as (

    select
        *,
        count(*) over (
            partition by as_of_date, {{ log_loss.scope_columns() | join(', ') }}
            order by metric_date desc
            rows between unbounded preceding and current row
        ) as day_rank
    from recent_days
    where
        {{ is_mature }}

),

-- Only recent days: an old breach must not fail today's build, and a version that has
-- gone quiet is not evaluated at all.
evaluated_days as (

    select * from mature_days
    where
        day_rank <= {{ settings.evaluation_days }}
        and age_days < {{ evaluation_age }}

),

evaluations as (

    select
        as_of_date,
        {{ scope }},
        min(metric_date) as window_start_date,
        max(metric_date) as window_end_date
    from evaluated_days
    group by
        as_of_date,
        {{ scope }}

),

-- what it is compared with ------------------------------------------------------------

predicted_days as (

    select
        metric_date,
        {{ scope }},
        min(known_from) as known_from
    from day_states
    where prediction_count > 0
    group by
        metric_date,
        {{ scope }}

),

known_days as (

    select
        *,
        min(known_from) over (partition by model_name, model_version)
            as version_known_from
    from predicted_days
    where cohort_name = 'all'

),

-- in the order in which they were first known, of one load by their first days in it
versions as (

    select
        model_name,
        model_version,
        version_known_from as known_from,
        min(metric_date) as first_date
    from known_days
    where known_from = version_known_from
    group by
        model_name,
        model_version,
        version_known_from

),

-- the versions before one that have days enough to lend
lenders as (

    select
        evaluations.as_of_date,
        evaluations.model_name,
        evaluations.model_version,
        earlier.model_version as lender_version,
        earlier.known_from,
        earlier.first_date
    from evaluations
    inner join versions
        on
            evaluations.model_name = versions.model_name
            and evaluations.model_version = versions.model_version
    inner join versions as earlier
        on
            evaluations.model_name = earlier.model_name
            and versions.known_from >= earlier.known_from
            and (
                versions.known_from > earlier.known_from
                or versions.first_date > earlier.first_date
                or (
                    versions.first_date = earlier.first_date
                    and versions.model_version > earlier.model_version
                )
            )
    inner join predicted_days
        on
            earlier.model_name = predicted_days.model_name
            and earlier.model_version = predicted_days.model_version
            and evaluations.cohort_name = predicted_days.cohort_name
            and {{ may_be_normal }}
    where evaluations.cohort_name = 'all'
    group by
        evaluations.as_of_date,
        evaluations.model_name,
        evaluations.model_version,
        earlier.model_version,
        earlier.known_from,
        earlier.first_date
    having count(*) >= {{ settings.baseline.min_days }}

),

version_trials as (

    {{ log_loss.version_trials() }}

),

-- of these the latest, and rather one that has served than one that was only tried
ranked_lenders as (

    select
        lenders.as_of_date,
        lenders.model_name,
        lenders.model_version,
        lenders.lender_version,
        row_number() over (
            partition by
                lenders.as_of_date, lenders.model_name, lenders.model_version
            order by
                {{ log_loss.was_only_tried('trials', 'lenders.as_of_date') }},
                lenders.known_from desc,
                lenders.first_date desc,
                lenders.lender_version desc
        ) as preference_rank
    from lenders
    left join version_trials as trials
        on
            lenders.model_name = trials.model_name
            and lenders.lender_version = trials.model_version

),

sources as (

    select
        *,
        model_version as measured_version
    from evaluations

    union all

    select
        evaluations.*,
        ranked_lenders.lender_version as measured_version
    from evaluations
    inner join ranked_lenders
        on
            evaluations.as_of_date = ranked_lenders.as_of_date
            and evaluations.model_name = ranked_lenders.model_name
            and evaluations.model_version = ranked_lenders.model_version
    where ranked_lenders.preference_rank = 1

),

candidate_days as (

    select
        sources.as_of_date,
        {{ scope_of('sources') | join(', ') }},
        sources.measured_version,
        predicted_days.metric_date,
        count(*) over (
            partition by
                sources.as_of_date,
                {{ scope_of('sources') | join(', ') }},
                sources.measured_version
            order by
                predicted_days.metric_date
                {{- ' desc' if settings.baseline.is_trailing }}
            rows between unbounded preceding and current row
        ) as day_number
    from sources
    inner join predicted_days
        on
            sources.model_name = predicted_days.model_name
            and sources.measured_version = predicted_days.model_version
            and sources.cohort_name = predicted_days.cohort_name
            and sources.cohort_value = predicted_days.cohort_value
            and {{ may_be_normal | replace('evaluations.', 'sources.') }}

),

baseline_days as (

    select
        candidate_days.as_of_date,
        candidate_days.metric_date,
        {{ scope_of('candidate_days') | join(', ') }},
        candidate_days.measured_version,
        {{ log_loss.days_between(
            'candidate_days.metric_date', 'candidate_days.as_of_date'
        ) }} as age_days,
        {% for sum in sums -%}
        day_states.{{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from candidate_days
    inner join day_states
        on
            candidate_days.model_name = day_states.model_name
            and candidate_days.measured_version = day_states.model_version
            and candidate_days.cohort_name = day_states.cohort_name
            and candidate_days.cohort_value = day_states.cohort_value
            and candidate_days.metric_date = day_states.metric_date
            and candidate_days.as_of_date >= day_states.known_from
            and candidate_days.as_of_date < day_states.known_until
    where candidate_days.day_number <= {{ settings.baseline.days }}

),

mature_baseline_days as (

    select
        *,
        count(*) over (
            partition by
                as_of_date,
                {{ log_loss.scope_columns() | join(', ') }},
                measured_version
        ) as day_count
    from baseline_days
    where
        {{ is_mature }}

),

-- a version's own past, or while that is too short the version's before it
baseline_versions as (

    select
        *,
        max(case when measured_version = model_version then 1 else 0 end) over (
            partition by as_of_date, {{ log_loss.scope_columns() | join(', ') }}
        ) as has_own_past
    from mature_baseline_days
    where day_count >= {{ settings.baseline.min_days }}

),

chosen_baseline_days as (

    select * from baseline_versions
    where
        measured_version = model_version
        or has_own_past = 0

),

-- the days of whole versions that end with the last evaluated one
ending_days as (

    select
        mature_days.*,
        {{ log_loss.days_between(
            'mature_days.metric_date', 'evaluations.window_end_date'
        ) }} as days_before_end
    from mature_days
    inner join evaluations
        on
            mature_days.as_of_date = evaluations.as_of_date
            and {{ log_loss.same_scope('mature_days', 'evaluations') }}
            and mature_days.metric_date <= evaluations.window_end_date
    where mature_days.cohort_name = 'all'

)

select
    'evaluation' as window_name,
    {{ day_columns }}
from evaluated_days

union all

select
    'baseline' as window_name,
    {{ day_columns }}
from chosen_baseline_days

{% for length in log_loss.window_lengths() -%}
union all

select
    '{{ length.name }}' as window_name,
    {{ day_columns }}
from ending_days
where days_before_end < {{ length.days }}

{% endfor %}
