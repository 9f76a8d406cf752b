{%- set version = ['model_name', 'model_version'] -%}
{%- set reference = [
    'model_name', 'reference_version', 'reference_start_date', 'reference_end_date',
    'reference_as_of_date',
] -%}
{%- set window_key = [
    'model_name', 'model_version', 'metric_date', 'window_days', 'as_of_date', 'feature'
] -%}
{%- set missing = 2000000000 -%}
{%- set kept_values = 20 -%}
{%- set group_number -%}
coalesce(ranges.group_number, categories.group_number, 0)
{%- endset -%}
-- How many predictions were in each cell of the scores and of the declared features, in
-- each window and in the days that it is compared with.
with

entries as (

    {{ log_loss.ledger_rows(['score_bin', 'feature']) }}

),

-- each prediction in one bin of its score and of each feature, or at one value of it
binned as (

    select
        metric_date,
        recorded_date,
        {{ version | join(', ') }},
        case when grain = 'score_bin' then '(score)' else cohort_name end as feature,
        case
            when bin is null then 'value'
            when bin = {{ missing }} then 'missing'
            else 'number'
        end as bin_kind,
        bin,
        case when bin is null then cohort_value end as value,
        entry_count
    from entries
    where entry_type = 'prediction'

),

counts as (

    select
        metric_date,
        recorded_date,
        {{ version | join(', ') }},
        feature,
        bin_kind,
        bin,
        value,
        sum(entry_count) as row_count
    from binned
    group by
        metric_date,
        recorded_date,
        {{ version | join(', ') }},
        feature,
        bin_kind,
        bin,
        value

),

windows as (

    select * from {{ ref('int_log_loss__drift_windows') }}

),

references_used as (

    select distinct
        {{ reference | join(', ') }}
    from windows

),

reference_values as (

    select
        {% for column in reference -%}
        references_used.{{ column }},
        {% endfor -%}
        counts.feature,
        counts.bin_kind,
        counts.bin,
        counts.value,
        sum(counts.row_count) as row_count
    from references_used
    inner join counts
        on
            references_used.model_name = counts.model_name
            and references_used.reference_version = counts.model_version
            and references_used.reference_start_date <= counts.metric_date
            and references_used.reference_end_date >= counts.metric_date
            and references_used.reference_as_of_date >= counts.recorded_date
    group by
        {% for column in reference -%}
        references_used.{{ column }},
        {% endfor -%}
        counts.feature,
        counts.bin_kind,
        counts.bin,
        counts.value

),

ranked_values as (

    select
        *,
        sum(row_count) over (
            partition by {{ reference | join(', ') }}, feature, bin_kind
            order by bin
            rows between unbounded preceding and current row
        ) - {{ log_loss.double('0.5') }} * row_count as rows_up_to_middle,
        sum(row_count) over (
            partition by {{ reference | join(', ') }}, feature, bin_kind
        ) as rows_of_kind,
        row_number() over (
            partition by {{ reference | join(', ') }}, feature, bin_kind
            order by row_count desc, value asc
        ) as value_rank
    from reference_values

),

-- ten groups of about a tenth of the reference each, missing numbers beside them; the
-- most frequent values, and the others together
grouped_values as (

    select
        *,
        case bin_kind
            when 'number' then cast(
                floor(10 * rows_up_to_middle / rows_of_kind) as {{ dbt.type_int() }}
            ) + 1
            when 'missing' then 0
            when 'value' then case
                when value_rank <= {{ kept_values }} then value_rank else 0
            end
        end as group_number
    from ranked_values

),

reference_groups as (

    select
        {{ reference | join(', ') }},
        feature,
        bin_kind,
        group_number,
        min(bin) as first_bin,
        max(bin) as last_bin,
        max(case when group_number > 0 then value end) as value,
        sum(row_count) as row_count
    from grouped_values
    group by
        {{ reference | join(', ') }},
        feature,
        bin_kind,
        group_number

),

-- a bin between two groups belongs to the upper one, and one that is below or above all
-- of the reference to none of them
bounded_groups as (

    select
        *,
        coalesce(
            lag(last_bin) over (
                partition by {{ reference | join(', ') }}, feature, bin_kind
                order by group_number
            ),
            first_bin - 1
        ) as previous_last_bin
    from reference_groups

),

evaluated_values as (

    select
        {% for column in window_key[:-1] -%}
        windows.{{ column }},
        {% endfor -%}
        {% for column in reference[1:] -%}
        windows.{{ column }},
        {% endfor -%}
        counts.feature,
        counts.bin_kind,
        counts.bin,
        counts.value,
        sum(counts.row_count) as row_count
    from windows
    inner join counts
        on
            windows.model_name = counts.model_name
            and windows.model_version = counts.model_version
            and windows.start_date <= counts.metric_date
            and windows.metric_date >= counts.metric_date
            and windows.as_of_date >= counts.recorded_date
    group by
        {% for column in window_key[:-1] -%}
        windows.{{ column }},
        {% endfor -%}
        {% for column in reference[1:] -%}
        windows.{{ column }},
        {% endfor -%}
        counts.feature,
        counts.bin_kind,
        counts.bin,
        counts.value

),

evaluated_groups as (

    select
        {% for column in window_key -%}
        evaluated_values.{{ column }},
        {% endfor -%}
        evaluated_values.bin_kind,
        {{ group_number }} as group_number,
        sum(evaluated_values.row_count) as row_count
    from evaluated_values
    -- two joins, as a disjunction of two conditions cannot be hashed
    left join bounded_groups as ranges
        on
            {{ log_loss.same_columns(
                reference + ['feature', 'bin_kind'], 'evaluated_values', 'ranges'
            ) }}
            and evaluated_values.bin > ranges.previous_last_bin
            and evaluated_values.bin <= ranges.last_bin
    left join bounded_groups as categories
        on
            {{ log_loss.same_columns(
                reference + ['feature', 'bin_kind', 'value'],
                'evaluated_values', 'categories'
            ) }}
    group by
        {% for column in window_key -%}
        evaluated_values.{{ column }},
        {% endfor -%}
        evaluated_values.bin_kind,
        {{ group_number }}

),

-- every group of the reference, and group 0: what is only there now
pairs as (

    select
        {% for column in window_key[:-1] -%}
        windows.{{ column }},
        {% endfor -%}
        bounded_groups.feature,
        bounded_groups.bin_kind,
        bounded_groups.group_number,
        bounded_groups.previous_last_bin,
        bounded_groups.last_bin,
        bounded_groups.value,
        bounded_groups.row_count as reference_count,
        0 as row_count
    from windows
    inner join bounded_groups
        on {{ log_loss.same_columns(reference, 'windows', 'bounded_groups') }}

    union all

    select
        {{ window_key | join(', ') }},
        bin_kind,
        group_number,
        cast(null as {{ dbt.type_int() }}) as previous_last_bin,
        cast(null as {{ dbt.type_int() }}) as last_bin,
        cast(null as {{ dbt.type_string() }}) as value,
        0 as reference_count,
        row_count
    from evaluated_groups

),

cells as (

    select
        {{ window_key | join(', ') }},
        bin_kind,
        group_number,
        max(previous_last_bin) as previous_last_bin,
        max(last_bin) as last_bin,
        max(value) as value,
        sum(reference_count) as reference_count,
        sum(row_count) as row_count
    from pairs
    group by
        {{ window_key | join(', ') }},
        bin_kind,
        group_number

),

totals as (

    select
        *,
        sum(reference_count) over (partition by {{ window_key | join(', ') }})
            as reference_total,
        sum(row_count) over (partition by {{ window_key | join(', ') }}) as total,
        count(*) over (partition by {{ window_key | join(', ') }}) as cell_count
    from cells

),

-- half a row more in each cell, so that an empty one is rare and not impossible
shares as (

    select
        *,
        (reference_count + {{ log_loss.double('0.5') }})
        / (reference_total + {{ log_loss.double('0.5') }} * cell_count)
            as reference_share,
        (row_count + {{ log_loss.double('0.5') }})
        / (total + {{ log_loss.double('0.5') }} * cell_count) as share
    from totals
    where reference_total > 0 and total > 0

)

select
    {{ window_key | join(', ') }},
    case
        when bin_kind = 'number' and group_number = 0 then 'outside'
        when bin_kind = 'number' then 'range'
        when bin_kind = 'value' and group_number = 0 then 'other'
        else bin_kind
    end as cell_kind,
    cast(group_number as {{ dbt.type_int() }}) as group_number,
    previous_last_bin,
    last_bin,
    value,
    cast(reference_count as {{ dbt.type_bigint() }}) as reference_count,
    cast(row_count as {{ dbt.type_bigint() }}) as row_count,
    reference_share,
    share,
    (share - reference_share) * ln(share / reference_share) as psi_term
from shares
