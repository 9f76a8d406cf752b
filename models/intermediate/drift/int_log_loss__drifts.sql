{{ config(materialized='view') }}
{%- set window_key = [
    'model_name', 'model_version', 'metric_date', 'window_days', 'as_of_date', 'feature'
] -%}
-- How far each window is from its reference: the cells added up. A view, because its
-- three readers add up few rows each.
with

terms as (

    select
        *,
        {{ log_loss.double('0.5') }} * (
            share * ln(2 * share / (share + reference_share))
            + reference_share * ln(2 * reference_share / (share + reference_share))
        ) as divergence_term
    from {{ ref('int_log_loss__drift_cells') }}

),

sums as (

    select
        {{ window_key | join(', ') }},
        case
            when max(case when cell_kind in ('value', 'other') then 1 else 0 end) = 1
            then 'categorical'
            else 'numeric'
        end as feature_type,
        cast(sum(reference_count) as {{ dbt.type_bigint() }}) as reference_count,
        cast(sum(row_count) as {{ dbt.type_bigint() }}) as prediction_count,
        cast(count(*) as {{ dbt.type_bigint() }}) as cell_count,
        sum(psi_term) as psi,
        {{ log_loss.safe_divide('1', 'sum(reference_count)') }}
        + {{ log_loss.safe_divide('1', 'sum(row_count)') }} as sampling_variance,
        case
            when sum(divergence_term) > 0
            then sqrt(sum(divergence_term) / ln({{ log_loss.double(2) }}))
            else {{ log_loss.double(0) }}
        end as jensen_shannon_distance,
        {{ log_loss.safe_divide(
            "sum(case when cell_kind = 'missing' then reference_count else 0 end)",
            'sum(reference_count)'
        ) }} as reference_missing_share,
        {{ log_loss.safe_divide(
            "sum(case when cell_kind = 'missing' then row_count else 0 end)",
            'sum(row_count)'
        ) }} as missing_share
    from terms
    group by {{ window_key | join(', ') }}

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
    {{ window_key | join(', ') }},
    feature_type,
    reference_count,
    prediction_count,
    cell_count,
    psi,
    (cell_count - 1) * sampling_variance as psi_if_unchanged,
    case
        -- all of both in one cell
        when cell_count = 1 then {{ log_loss.double(1) }}
        else {{ log_loss.normal_upper_tail(
            '(cube_root - 1 + cube_root_variance) / sqrt(cube_root_variance)'
        ) }}
    end as p_value,
    jensen_shannon_distance,
    reference_missing_share,
    missing_share
from cube_roots
