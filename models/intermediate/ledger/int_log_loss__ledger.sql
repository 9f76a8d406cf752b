{{
    config(
        materialized='incremental',
        incremental_strategy=log_loss.partition_replacement_strategy(),
        unique_key='recorded_date',
        partition_by=log_loss.partition_by_date('recorded_date'),
        cluster_by=log_loss.cluster_by_date('recorded_date'),
        file_format=log_loss.partitioned_file_format(),
        on_schema_change='fail'
    )
}}
{%- set settings = log_loss.configuration() -%}
{%- set sums = log_loss.ledger_sums() -%}
{#- what the heavy pass sums up -#}
{%- set summed = sums | selectattr('of') | rejectattr('same_as') | list -%}
{%- set cohorts = log_loss.cohort_columns() -%}
{%- set features = log_loss.configuration().features -%}
{%- set fingerprint = log_loss.fingerprint() -%}
{%- set cutoff = log_loss.ledger_cutoff(fingerprint) -%}
{%- set touched = 'touched_requests' if cutoff else none -%}
{#- the ways in which a labelled interval begins and ends; grouping by text is slow -#}
{%- set begins = {
    'unlabeled': 0, 'first': 1, 'new': 2, 'revised_same_day': 3, 'revised': 4
} -%}
{%- set ends = {'open': 0, 'revised': 1, 'withdrawn': 2} -%}
{%- set scope = [
    'metric_date', 'model_name', 'model_version', 'class_index', 'begins_as', 'ends_as',
    'prediction_date', 'posting_date', 'reversal_date', 'plain_label_date',
] -%}
{#- counted at the instant, whatever is left of it by the end of the day -#}
{%- set label_counts = {
    'first_label_count': 'sign > -1 and begins_as = ' ~ begins.first,
    'new_label_count':
        'sign > -1 and begins_as in (' ~ begins.first ~ ', ' ~ begins.new ~ ')',
    'revised_label_count':
        'sign > -1 and begins_as in (' ~ begins.revised ~ ', '
        ~ begins.revised_same_day ~ ')',
    'withdrawn_label_count': 'sign < 1 and ends_as = ' ~ ends.withdrawn,
} -%}
{%- set count_keys = [
    'recorded_date', 'grain', 'cohort_name', 'metric_date', 'model_name',
    'model_version', 'cohort_value', 'entry_type', 'reason',
] -%}
{%- set keys = [
    'recorded_date', 'grain_number', 'metric_date', 'model_name', 'model_version',
    'cohort_value', 'bin', 'predicted_class_index', 'class_index', 'entry_type',
] %}

with

{% if cutoff -%}
touched_requests as (

    -- every entry recorded since the cutoff belongs to one of these
    select
        request_id,
        model_name
    from {{ ref('stg_log_loss__predictions') }}
    where {{ log_loss.is_row_rebuilt(cutoff) }}

    union distinct

    select
        request_id,
        model_name
    from {{ ref('stg_log_loss__labels') }}
    where {{ log_loss.is_row_rebuilt(cutoff) }}

),

{% endif -%}
{{ log_loss.scored_history(touched, log_loss.history_start(cutoff)) }},

dated_postings as (

    select
        *,
        recorded_date as prediction_date,
        cast(case
            when label_recorded_at > recorded_at then label_recorded_at
            when class_index is not null then recorded_at
        end as date) as posting_date
    from scored

),

-- What each row posts, and when. A prediction with several labelled intervals is
-- counted on the first, the only one that begins as such.
postings as (

    select
        metric_date,
        model_name,
        model_version,
        class_index,
        case
            when class_index is null then {{ begins.unlabeled }}
            when labeled_until is null or labeled_until <= recorded_at
            then {{ begins.first }}
            when labeled_until < label_recorded_at then {{ begins.new }}
            -- by the end of that day it is a new label: the one before came and went
            when
                cast(labeled_since as date) = posting_date
                or prediction_date = posting_date
            then {{ begins.revised_same_day }}
            else {{ begins.revised }}
        end as begins_as,
        case
            when superseded_at is null then {{ ends.open }}
            when next_class_index > 0 then {{ ends.revised }}
            else {{ ends.withdrawn }}
        end as ends_as,
        prediction_date,
        posting_date,
        cast(superseded_at as date) as reversal_date,
        case when is_plain = 1 then cast(label_recorded_at as date) end
            as plain_label_date,
        predicted_class_index,
        {% for cohort in cohorts -%}
        {{ cohort }},
        {% endfor -%}
        {% for feature in features -%}
        {% set column = 'feature_' ~ loop.index -%}
        {% if feature.is_numeric -%}
        {{ log_loss.feature_bin(column, feature.bin_width) }}
            as {{ column }},
        {% else -%}
        {{ column }},
        {% endif -%}
        {% endfor -%}
        {{ log_loss.score_bin('score') }} as score_bin,
        {{ log_loss.loss_bin('loss') }} as loss_bin,
        {% for sum in summed -%}
        {{ sum.of }} as {{ sum.name }}{{ ',' if not loop.last }}
        {% endfor %}
    from dated_postings

),

binned_postings as (

    select
        *,
        {{ log_loss.score_decile('score_bin') }} as score_decile
    from postings

),

-- The one heavy pass. A row carries the dates of all its entries, so a posting and
-- its reversal are aggregated together and told apart afterwards. Counts are added up
-- as doubles, which are exact up to 2^53: DuckDB adds up integers in 128 bits.
aggregated as (

    select
        {{ scope | join(', ') }},
        {{ log_loss.ledger_grain_keys() }},
        predicted_class_index,
        count(*) as entry_count,
        {% for sum in summed -%}
        sum(cast({{ sum.name }} as {{ log_loss.type_double() }}))
            as {{ sum.name }}{{ ',' if not loop.last }}
        {% endfor %}
    from binned_postings
    group by {{ log_loss.ledger_grouping_sets(scope) }}

),

entry_kinds as (

    select 'prediction' as entry_kind
    union all
    select 'posting' as entry_kind
    union all
    select 'reversal' as entry_kind

),

dated_rows as (

    select
        aggregated.*,
        entry_kinds.entry_kind,
        -- a label that came and went on one day leaves its counts and no amounts
        case
            when entry_kinds.entry_kind = 'prediction' then 1
            when aggregated.posting_date = aggregated.reversal_date then 0
            when entry_kinds.entry_kind = 'posting' then 1
            else -1
        end as sign
    from aggregated
    cross join entry_kinds

),

ledger_entries as (

    select
        case entry_kind
            when 'prediction' then prediction_date
            when 'posting' then posting_date
            else reversal_date
        end as recorded_date,
        grain_number,
        metric_date,
        model_name,
        model_version,
        cohort_value,
        bin,
        predicted_class_index,
        case when entry_kind <> 'prediction' then class_index end as class_index,
        case
            when entry_kind = 'prediction' then 'prediction'
            when entry_kind = 'reversal' and ends_as = {{ ends.withdrawn }}
            then 'withdrawn'
            when entry_kind = 'posting' and begins_as <> {{ begins.revised }} then 'new'
            else 'revised'
        end as entry_type,
        sign * entry_count as entry_count,
        {% for sum in sums if sum.name != 'entry_count' -%}
        case
            {%- if sum.needs_label %}
            when entry_kind = 'prediction' then null
            {%- endif %}
            {%- if sum.grains %}
            when grain_number not in ({{ log_loss.ledger_grain_numbers(sum.grains) }})
            then null
            {%- endif %}
            {%- if sum.name in label_counts %}
            when {{ label_counts[sum.name] }} then entry_count
            else 0
            {%- else %}
            else sign * {{ sum.same_as or sum.name }}
            {%- endif %}
        end as {{ sum.name }}{{ ',' if not loop.last }}
        {% endfor %}
    from dated_rows
    where
        (
            entry_kind = 'prediction'
            and begins_as in ({{ begins.unlabeled }}, {{ begins.first }})
            and grain_number not in ({{ log_loss.ledger_grain_numbers(['loss_bin']) }})
        )
        or (
            entry_kind = 'posting'
            and begins_as <> {{ begins.unlabeled }}
            and posting_date is not null
            and (
                sign = 1
                or grain_number in (
                    {{ log_loss.ledger_grain_numbers(['overall', 'cohort']) }}
                )
            )
        )
        or (entry_kind = 'reversal' and ends_as <> {{ ends.open }} and sign = -1)

),

entry_sums as (

    select
        {{ keys | join(', ') }},
        {% for sum in sums -%}
        sum(cast({{ sum.name }} as {{ log_loss.type_double() }}))
            as {{ sum.name }}{{ ',' if not loop.last }}
        {% endfor %}
    from ledger_entries
    where {{ log_loss.is_rebuilt(cutoff) }}
    group by
        {{ keys | join(', ') }}

),

rejected_predictions as (

    select
        recorded_date,
        metric_date,
        model_name,
        model_version,
        {% for cohort in cohorts -%}
        {{ cohort }},
        {% endfor -%}
        rejection_reason as reason
    from {{ ref('stg_log_loss__predictions') }}
    where
        rejection_reason is not null
        and {{ log_loss.is_row_rebuilt(cutoff) }}

    union all

    select
        recorded_date,
        metric_date,
        model_name,
        model_version,
        {% for cohort in cohorts -%}
        {{ cohort }},
        {% endfor -%}
        'duplicate_prediction' as reason
    from ranked_predictions
    where load_rank > 1

),

rejection_entries as (

    select
        recorded_date,
        {{ log_loss.ledger_grain_keys(bins=false) }},
        metric_date,
        model_name,
        model_version,
        reason,
        count(*) as entry_count
    from rejected_predictions
    group by {{ log_loss.ledger_grouping_sets(
        ['recorded_date', 'metric_date', 'model_name', 'model_version', 'reason'],
        bins=false
    ) }}

),

{{ log_loss.label_event_entries(touched, cutoff) }},

-- how many rows came in, to check that the entries account for each of them
input_rows as (

    select
        'prediction_row' as entry_type,
        recorded_date,
        model_name,
        count(*) as entry_count
    from {{ ref('stg_log_loss__predictions') }}
    where {{ log_loss.is_row_rebuilt(cutoff) }}
    group by recorded_date, model_name

    union all

    select
        'label_row' as entry_type,
        recorded_date,
        model_name,
        count(*) as entry_count
    from {{ ref('stg_log_loss__labels') }}
    where {{ log_loss.is_row_rebuilt(cutoff) }}
    group by recorded_date, model_name

),

counted_entries as (

    select
        recorded_date,
        {{ log_loss.ledger_grain_names() }},
        metric_date,
        model_name,
        model_version,
        cohort_value,
        'rejection' as entry_type,
        reason,
        entry_count
    from rejection_entries

    union all

    select
        recorded_date,
        'label_event' as grain,
        'all' as cohort_name,
        metric_date,
        model_name,
        '(none)' as model_version,
        'all' as cohort_value,
        entry_type,
        reason,
        entry_count
    from label_event_entries

    union all

    select
        recorded_date,
        'input' as grain,
        'all' as cohort_name,
        recorded_date as metric_date,
        model_name,
        '(none)' as model_version,
        'all' as cohort_value,
        entry_type,
        cast(null as {{ dbt.type_string() }}) as reason,
        entry_count
    from input_rows

),

counts as (

    select
        {{ count_keys | join(', ') }},
        sum(entry_count) as entry_count
    from counted_entries
    where {{ log_loss.is_rebuilt(cutoff) }}
    group by
        {{ count_keys | join(', ') }}

),

summed as (

    select
        recorded_date,
        {{ log_loss.ledger_grain_names() }},
        metric_date,
        model_name,
        model_version,
        cohort_value,
        bin,
        {{ log_loss.class_label('class_index') }} as label,
        {{ log_loss.class_label('predicted_class_index') }}
            as predicted_label,
        entry_type,
        cast(null as {{ dbt.type_string() }}) as reason,
        {{ sums | map(attribute='name') | join(', ') }}
    from entry_sums

    union all

    select
        recorded_date,
        grain,
        cohort_name,
        metric_date,
        model_name,
        model_version,
        cohort_value,
        cast(null as {{ dbt.type_int() }}) as bin,
        cast(null as {{ dbt.type_string() }}) as label,
        cast(null as {{ dbt.type_string() }}) as predicted_label,
        entry_type,
        reason,
        {{ log_loss.only_entry_count() }}
    from counts
    -- an event may come and be matched on one date
    where entry_count <> 0

),

-- Incremental strategies replace the partitions present in the new rows. A marker
-- makes a partition present that has become empty; the undated one is in every run
-- and carries the fingerprint of the settings.
markers as (

    select
        {{ log_loss.undated() }} as recorded_date,
        '{{ fingerprint }}' as fingerprint

    {%- if cutoff %}

    union all

    select distinct
        recorded_date,
        cast(null as {{ dbt.type_string() }}) as fingerprint
    from {{ this }}
    where
        recorded_date >= {{ cutoff }}
        and recorded_date <> {{ log_loss.undated() }}
    {%- endif %}

)

select
    recorded_date,
    grain,
    metric_date,
    model_name,
    model_version,
    cohort_name,
    cohort_value,
    cast(bin as {{ dbt.type_int() }}) as bin,
    label,
    predicted_label,
    entry_type,
    reason,
    {% for sum in sums -%}
    cast({{ sum.name }} as {{ sum.type }}) as {{ sum.name }},
    {% endfor -%}
    cast(null as {{ dbt.type_string() }}) as fingerprint
from summed

union all

select
    recorded_date,
    'marker' as grain,
    recorded_date as metric_date,
    cast(null as {{ dbt.type_string() }}) as model_name,
    cast(null as {{ dbt.type_string() }}) as model_version,
    cast(null as {{ dbt.type_string() }}) as cohort_name,
    cast(null as {{ dbt.type_string() }}) as cohort_value,
    cast(null as {{ dbt.type_int() }}) as bin,
    cast(null as {{ dbt.type_string() }}) as label,
    cast(null as {{ dbt.type_string() }}) as predicted_label,
    cast(null as {{ dbt.type_string() }}) as entry_type,
    cast(null as {{ dbt.type_string() }}) as reason,
    {% for sum in sums -%}
    cast(null as {{ sum.type }}) as {{ sum.name }},
    {% endfor -%}
    fingerprint
from markers
