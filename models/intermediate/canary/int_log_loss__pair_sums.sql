{%- set series = [
    'metric_date', 'model_name', 'candidate_version', 'serving_version', 'label'
] -%}
{%- set sums = ['difference_sum', 'difference_squared_sum', 'serving_loss_sum'] %}

-- What was known, and from when until when, of the requests that a candidate and
-- the serving version both scored.
with

compared_days as (

    select distinct
        model_name,
        candidate_version,
        serving_version,
        metric_date
    from {{ ref('int_log_loss__compared_days') }}

),

-- The requests that several versions scored since the first of these days. Without a
-- join, which Postgres would take to leave a single row; what is compared is told
-- below.
touched_requests as (

    select
        request_id,
        model_name
    from {{ ref('stg_log_loss__predictions') }}
    where
        rejection_reason is null
        and metric_date
        >= (select min(compared_days.metric_date) from compared_days)
    group by
        request_id,
        model_name
    having min(model_version) <> max(model_version)

),

{{ log_loss.scored_history('touched_requests') }},

compared_pairs as (

    select distinct
        model_name,
        candidate_version,
        serving_version
    from compared_days

),

-- Both sides below each other and not beside each other: a join of the ledger's rows
-- with themselves is one that Postgres plans as if there were a single row.
sides as (

    {% for side in ['candidate', 'serving'] -%}
    select
        scored.request_id,
        scored.model_name,
        compared_pairs.candidate_version,
        compared_pairs.serving_version,
        scored.label,
        scored.labeled_at,
        scored.label_recorded_at,
        scored.superseded_at,
        scored.recorded_at,
        {{ 'scored.metric_date' if side == 'candidate' else 'cast(null as date)' }}
            as metric_date,
        {% for other in ['candidate', 'serving'] -%}
        {{ 'scored.loss' if side == other
            else 'cast(null as ' ~ log_loss.type_double() ~ ')' }} as {{ other }}_loss
        {{- ',' if not loop.last }}
        {% endfor %}
    from scored
    inner join compared_pairs
        on
            scored.model_name = compared_pairs.model_name
            and scored.model_version = compared_pairs.{{ side }}_version
    where scored.class_index is not null
    {%- if not loop.last %}

    union all

    {% endif %}
    {%- endfor %}

),

-- one label event, and what both versions lost by it while it was in force
events as (

    select
        model_name,
        candidate_version,
        serving_version,
        label,
        superseded_at,
        max(metric_date) as metric_date,
        case
            when max(recorded_at) > label_recorded_at then max(recorded_at)
            else label_recorded_at
        end as known_at,
        max(candidate_loss) - max(serving_loss) as difference,
        max(serving_loss) as serving_loss
    from sides
    group by
        request_id,
        model_name,
        candidate_version,
        serving_version,
        label,
        labeled_at,
        label_recorded_at,
        superseded_at
    having count(*) = 2

),

pairs as (

    select events.*
    from events
    inner join compared_days
        on
            events.model_name = compared_days.model_name
            and events.candidate_version = compared_days.candidate_version
            and events.serving_version = compared_days.serving_version
            and events.metric_date = compared_days.metric_date

),

entries as (

    {% for date, sign in [('known_at', '1'), ('superseded_at', '-1')] -%}
    select
        {{ series | join(', ') }},
        cast({{ date }} as date) as known_from,
        {{ sign }} as pair_count,
        {{ sign }} * difference as difference_sum,
        {{ sign }} * difference * difference as difference_squared_sum,
        {{ sign }} * serving_loss as serving_loss_sum
    from pairs
    where {{ date }} is not null
    {%- if not loop.last %}

    union all

    {% endif %}
    {%- endfor %}

),

changes as (

    select
        {% for column in series -%}
        entries.{{ column }},
        {% endfor -%}
        entries.known_from,
        sum(entries.pair_count) as pair_count,
        {% for sum in sums -%}
        sum(entries.{{ sum }}) as {{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from entries
    inner join {{ ref('int_log_loss__clock') }} as clock
        on entries.known_from <= clock.as_of_date
    group by
        {% for column in series -%}
        entries.{{ column }},
        {% endfor -%}
        entries.known_from

),

running as (

    select
        {{ series | join(', ') }},
        known_from,
        lead(known_from) over (
            partition by {{ series | join(', ') }}
            order by known_from
        ) as known_until,
        {% for sum in ['pair_count'] + sums -%}
        sum({{ sum }}) over (
            partition by {{ series | join(', ') }}
            order by known_from
            rows between unbounded preceding and current row
        ) as {{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from changes

)

select
    {{ series | join(', ') }},
    known_from,
    -- a far date, so that a join compares columns alone
    coalesce(known_until, {{ log_loss.far_date() }}) as known_until,
    cast(pair_count as {{ dbt.type_bigint() }}) as pair_count,
    -- what signed sums leave behind when all they counted has gone again is rounding
    {% for sum in sums -%}
    case when pair_count = 0 then 0 else {{ sum }} end as {{ sum }}
    {{- ',' if not loop.last }}
    {% endfor %}
from running
