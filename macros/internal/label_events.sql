{#
    The label events themselves, without a version: each one is `unmatched` until an
    accepted prediction of its request is loaded, `effective` while it is the truth,
    `superseded` from then on, or rejected. Later loads change these states, so they
    too are signed entries. Reads the CTEs of `scored_history`, and `aggregated`.

    A pass over everything follows one by one only the events of requests that are not
    plain. An event of a plain request is unmatched from its load date until the date
    when `aggregated` posts it, if it does.
#}
{% macro label_event_entries(touched=none, cutoff=none) -%}
{%- set request_hash = log_loss.key_hash(['staged.request_id', 'staged.model_name']) -%}
{%- if not touched -%}
tangled_requests as (

    select key_hash
    from shared_requests

    union distinct

    select key_hash
    from revised_requests

),

plain_label_events as (

    select
        staged.model_name,
        staged.recorded_date,
        count(*) as event_count
    from {{ ref('stg_log_loss__labels') }} as staged
    left join tangled_requests on {{ request_hash }} = tangled_requests.key_hash
    where staged.rejection_reason is null and tangled_requests.key_hash is null
    group by staged.model_name, staged.recorded_date

),

plain_matches as (

    select
        model_name,
        plain_label_date,
        posting_date,
        sum(entry_count) as event_count
    from aggregated
    where grain_number = 0 and plain_label_date is not null
    group by model_name, plain_label_date, posting_date

),

{% endif -%}
-- of several versions the one loaded first
matching_predictions as (

    select
        staged.request_id,
        staged.model_name,
        min(staged.recorded_at) as recorded_at
    {%- if touched %}
    from first_predictions as staged
    {%- else %}
    from {{ ref('stg_log_loss__predictions') }} as staged
    inner join tangled_requests on {{ request_hash }} = tangled_requests.key_hash
    where staged.rejection_reason is null
    {%- endif %}
    group by staged.request_id, staged.model_name

),

tangled_labels as (

    select
        request_id,
        model_name,
        recorded_at,
        recorded_date,
        superseded_at
    from sequenced_labels
    {%- if not touched %}

    union all

    select
        staged.request_id,
        staged.model_name,
        staged.recorded_at,
        staged.recorded_date,
        cast(null as {{ log_loss.type_utc_timestamp() }}) as superseded_at
    from {{ ref('stg_log_loss__labels') }} as staged
    inner join shared_requests on {{ request_hash }} = shared_requests.key_hash
    left join revised_requests on {{ request_hash }} = revised_requests.key_hash
    where staged.rejection_reason is null and revised_requests.key_hash is null
    {%- endif %}

),

label_events as (

    select
        tangled_labels.model_name,
        tangled_labels.recorded_at,
        tangled_labels.recorded_date as metric_date,
        tangled_labels.superseded_at,
        matching_predictions.recorded_at as predicted_from,
        case
            when matching_predictions.recorded_at > tangled_labels.recorded_at
            then matching_predictions.recorded_at
            when matching_predictions.recorded_at is not null
            then tangled_labels.recorded_at
        end as matched_at
    from tangled_labels
    left join matching_predictions
        on
            tangled_labels.request_id = matching_predictions.request_id
            and tangled_labels.model_name = matching_predictions.model_name

),

label_event_dates as (

    select
        model_name,
        metric_date,
        case
            when predicted_from is null or recorded_at < predicted_from
            then metric_date
        end as unmatched_from,
        case
            when recorded_at < predicted_from then cast(predicted_from as date)
        end as unmatched_until,
        case
            when superseded_at is null or superseded_at > matched_at
            then cast(matched_at as date)
        end as effective_from,
        case
            when superseded_at > matched_at then cast(superseded_at as date)
        end as effective_until,
        case
            when superseded_at > matched_at then cast(superseded_at as date)
            when superseded_at is not null then cast(matched_at as date)
        end as superseded_from
    from label_events

),

label_event_states as (

    select
        model_name,
        metric_date,
        unmatched_from,
        unmatched_until,
        effective_from,
        effective_until,
        superseded_from,
        count(*) as event_count
    from label_event_dates
    group by
        model_name,
        metric_date,
        unmatched_from,
        unmatched_until,
        effective_from,
        effective_until,
        superseded_from

),

label_event_changes as (

    select 'unmatched_from' as change
    union all
    select 'unmatched_until' as change
    union all
    select 'effective_from' as change
    union all
    select 'effective_until' as change
    union all
    select 'superseded_from' as change

),

dated_states as (

    select
        label_event_states.*,
        label_event_changes.change
    from label_event_states
    cross join label_event_changes

),

label_state_entries as (

    select
        metric_date,
        model_name,
        case change
            when 'unmatched_from' then unmatched_from
            when 'unmatched_until' then unmatched_until
            when 'effective_from' then effective_from
            when 'effective_until' then effective_until
            else superseded_from
        end as recorded_date,
        case
            when change in ('unmatched_from', 'unmatched_until') then 'unmatched'
            when change = 'superseded_from' then 'superseded'
            else 'effective'
        end as entry_type,
        case
            when change in ('unmatched_until', 'effective_until') then -event_count
            else event_count
        end as entry_count
    from dated_states

),

rejected_labels as (

    select
        recorded_date,
        model_name,
        rejection_reason as reason
    from {{ ref('stg_log_loss__labels') }}
    where
        rejection_reason is not null
        and {{ log_loss.is_row_rebuilt(cutoff) }}

    union all

    select
        recorded_date,
        model_name,
        'duplicate_label' as reason
    from ranked_labels
    where load_rank > 1

),

label_event_entries as (

    select
        recorded_date,
        metric_date,
        model_name,
        entry_type,
        cast(null as {{ dbt.type_string() }}) as reason,
        entry_count
    from label_state_entries
    where recorded_date is not null
    {%- if not touched %}

    union all

    select
        recorded_date,
        recorded_date as metric_date,
        model_name,
        'unmatched' as entry_type,
        cast(null as {{ dbt.type_string() }}) as reason,
        event_count as entry_count
    from plain_label_events
    {%- for entry_type, sign in [('unmatched', '-'), ('effective', '')] %}

    union all

    select
        posting_date as recorded_date,
        plain_label_date as metric_date,
        model_name,
        '{{ entry_type }}' as entry_type,
        cast(null as {{ dbt.type_string() }}) as reason,
        {{ sign }}event_count as entry_count
    from plain_matches
    {%- endfor %}
    {%- endif %}

    union all

    select
        recorded_date,
        recorded_date as metric_date,
        model_name,
        'rejection' as entry_type,
        reason,
        1 as entry_count
    from rejected_labels

)
{%- endmacro %}
