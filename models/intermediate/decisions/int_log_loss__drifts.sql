{%- set version = ['model_name', 'model_version'] -%}
{%- set reference = [
    'model_name', 'reference_version', 'reference_start_date', 'reference_end_date',
    'reference_known_by',
] -%}
{%- set look = [
    'model_name', 'model_version', 'metric_date', 'window_days', 'known_by', 'feature'
] -%}
{%- set missing = 2000000000 -%}
{%- set lowest = -2147483648 -%}
{%- set kept_values = 20 -%}
{%- set group_number -%}
coalesce(ranges.group_number, categories.group_number, 0)
{%- endset -%}
with

entries as (

    {{ log_loss.rollup_rows(['score_bin', 'feature']) }}

),

-- each prediction in one bin of its score and of each feature, or at one value of it
counts as (

    select
        metric_date,
        recorded_date,
        {{ version | join(',\n        ') }},
        case when grain = 'score_bin' then '(score)' else cohort_name end as feature,
        case
            when bin is null then 'value'
            when bin = {{ missing }} then 'missing'
            else 'number'
        end as bin_kind,
        bin,
        case when bin is null then cohort_value end as value,
        sum(entry_count) as row_count
    from entries
    where entry_type = 'prediction'
    group by
        metric_date,
        recorded_date,
        {{ version | join(',\n        ') }},
        case when grain = 'score_bin' then '(score)' else cohort_name end,
        case
            when bin is null then 'value'
            when bin = {{ missing }} then 'missing'
            else 'number'
        end,
        bin,
        case when bin is null then cohort_value end

),

windows as (

    select * from {{ ref('int_log_loss__drift_windows') }}

),

references_used as (

    select distinct
        {{ reference | join(',\n        ') }}
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
            and references_used.reference_known_by >= counts.recorded_date
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
        {{ reference | join(',\n        ') }},
        feature,
        bin_kind,
        group_number,
        max(bin) as last_bin,
        max(case when group_number > 0 then value end) as value,
        sum(row_count) as row_count
    from grouped_values
    group by
        {{ reference | join(',\n        ') }},
        feature,
        bin_kind,
        group_number

),

-- a bin between two groups belongs to the upper one, and those beyond to the last
bounded_groups as (

    select
        *,
        coalesce(
            lag(last_bin) over (
                partition by {{ reference | join(', ') }}, feature, bin_kind
                order by group_number
            ),
            {{ lowest }}
        ) as previous_last_bin,
        case
            when lead(group_number) over (
                partition by {{ reference | join(', ') }}, feature, bin_kind
                order by group_number
            ) is null then {{ missing - 1 }}
            else last_bin
        end as reaching_bin
    from reference_groups

),

judged_values as (

    select
        {% for column in look[:-1] -%}
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
            and windows.known_by >= counts.recorded_date
    group by
        {% for column in look[:-1] -%}
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

judged_groups as (

    select
        {% for column in look -%}
        judged_values.{{ column }},
        {% endfor -%}
        judged_values.bin_kind,
        {{ group_number }} as group_number,
        sum(judged_values.row_count) as row_count
    from judged_values
    -- two joins, as a disjunction of two conditions cannot be hashed
    left join bounded_groups as ranges
        on
            {{ log_loss.same_columns(
                reference + ['feature', 'bin_kind'], 'judged_values', 'ranges'
            ) }}
            and judged_values.bin > ranges.previous_last_bin
            and judged_values.bin <= ranges.reaching_bin
    left join bounded_groups as categories
        on
            {{ log_loss.same_columns(
                reference + ['feature', 'bin_kind', 'value'],
                'judged_values', 'categories'
            ) }}
    group by
        {% for column in look -%}
        judged_values.{{ column }},
        {% endfor -%}
        judged_values.bin_kind,
        {{ group_number }}

),

-- every group of the reference, and what is only there now
pairs as (

    select
        {% for column in look[:-1] -%}
        windows.{{ column }},
        {% endfor -%}
        reference_groups.feature,
        reference_groups.bin_kind,
        reference_groups.group_number,
        reference_groups.row_count as reference_count,
        0 as row_count
    from windows
    inner join reference_groups
        on {{ log_loss.same_columns(reference, 'windows', 'reference_groups') }}

    union all

    select
        {{ look | join(',\n        ') }},
        bin_kind,
        group_number,
        0 as reference_count,
        row_count
    from judged_groups

),

cells as (

    select
        {{ look | join(',\n        ') }},
        bin_kind,
        group_number,
        sum(reference_count) as reference_count,
        sum(row_count) as row_count
    from pairs
    group by
        {{ look | join(',\n        ') }},
        bin_kind,
        group_number

),

totals as (

    select
        *,
        sum(reference_count) over (partition by {{ look | join(', ') }})
            as reference_total,
        sum(row_count) over (partition by {{ look | join(', ') }}) as total,
        count(*) over (partition by {{ look | join(', ') }}) as cell_count
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

),

terms as (

    select
        *,
        (share - reference_share) * ln(share / reference_share) as psi_term,
        {{ log_loss.double('0.5') }} * (
            share * ln(2 * share / (share + reference_share))
            + reference_share * ln(2 * reference_share / (share + reference_share))
        ) as divergence_term
    from shares

),

sums as (

    select
        {{ look | join(',\n        ') }},
        max(case when bin_kind = 'value' then 'categorical' else 'numeric' end)
            as feature_type,
        cast(max(reference_total) as {{ dbt.type_bigint() }}) as reference_count,
        cast(max(total) as {{ dbt.type_bigint() }}) as prediction_count,
        cast(max(cell_count) as {{ dbt.type_bigint() }}) as cell_count,
        sum(psi_term) as psi,
        {{ log_loss.safe_divide('1', 'max(reference_total)') }}
        + {{ log_loss.safe_divide('1', 'max(total)') }} as sampling_variance,
        case
            when sum(divergence_term) > 0
            then sqrt(sum(divergence_term) / ln({{ log_loss.double(2) }}))
            else {{ log_loss.double(0) }}
        end as jensen_shannon_distance,
        {{ log_loss.safe_divide(
            "sum(case when bin_kind = 'missing' then reference_count else 0 end)",
            'max(reference_total)'
        ) }} as reference_missing_share,
        {{ log_loss.safe_divide(
            "sum(case when bin_kind = 'missing' then row_count else 0 end)", 'max(total)'
        ) }} as missing_share
    from terms
    group by {{ look | join(',\n        ') }}

),

-- what the index of two samples alike is, in units of that, is distributed like
-- chi-squared, and the cube root of that nearly normally (Wilson and Hilferty 1931)
cube_roots as (

    select
        *,
        case
            when
                cell_count > 1
                and reference_count >= 5 * cell_count
                and prediction_count >= 5 * cell_count
            then power(
                psi / sampling_variance / (cell_count - 1),
                {{ log_loss.double(1) }} / 3
            )
        end as cube_root,
        {{ log_loss.double(2) }} / 9 / nullif(cell_count - 1, 0) as cube_root_variance
    from sums

)

select
    {{ look | join(',\n    ') }},
    feature_type,
    reference_count,
    prediction_count,
    cell_count,
    psi,
    (cell_count - 1) * sampling_variance as psi_if_unchanged,
    {{ log_loss.normal_upper_tail(
        '(cube_root - 1 + cube_root_variance) / sqrt(cube_root_variance)'
    ) | indent(4) }} as p_value,
    jensen_shannon_distance,
    reference_missing_share,
    missing_share
from cube_roots
