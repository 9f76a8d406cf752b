{%- set settings = log_loss.configuration() -%}
{%- set series = [
    'model_name', 'candidate_version', 'serving_version', 'role', 'method'
] -%}
{%- set least_class_count = log_loss.constants().least_class_count -%}
{%- set alpha = 0.05 -%}
{#- ln is not Jinja's: -2 ln(2 alpha) + ln(1 - 2 ln(2 alpha)) in SQL -#}
{%- set two_alpha_log -%}
ln({{ log_loss.double(2 * alpha) }})
{%- endset %}

with

differences as (

    select * from {{ ref('int_log_loss__version_differences') }}

),

-- tuned at the first comparison of seven days, and frozen
first_weeks as (

    select
        *,
        min(case when median_labeled_count is not null then through_date end) over (
            partition by {{ series | join(', ') }}
        ) as first_through_date
    from differences

),

tuned as (

    select
        *,
        14 * max(
            case when through_date = first_through_date then median_labeled_count end
        ) over (partition by {{ series | join(', ') }}) as only_tuned_count
    from first_weeks

),

joined as (

    select
        *,
        case when through_date >= first_through_date then only_tuned_count end
            as tuned_count
    from tuned

),

tuned_sequences as (

    select
        *,
        -(2 * {{ two_alpha_log }} - ln(1 - 2 * {{ two_alpha_log }})) / tuned_count
            as rho_squared,
        {{ log_loss.double(settings.rollback_margin) }} as rollback_margin,
        {% if settings.promote_margin is not none -%}
        {{ log_loss.double(settings.promote_margin) }} as promote_margin
        {%- else -%}
        case
            when serving_mean_log_loss > 0.2 then 0.05 * serving_mean_log_loss
            else {{ log_loss.double('0.01') }}
        end as promote_margin
        {%- endif %}
    from joined

),

sequences as (

    select
        *,
        standard_error * sqrt(
            2 * (pooled_count * rho_squared + 1) / (pooled_count * rho_squared)
            * ln(
                1 + sqrt(pooled_count * rho_squared + 1)
                / {{ log_loss.double(2 * alpha) }}
            )
        ) as sequence_half_width,
        {{ log_loss.safe_divide('difference', 'standard_error') }} as z_score
    from tuned_sequences

),

looks as (

    select
        *,
        case
            when
                day_count < 7
                or overlap_share < 0.8
                or candidate_count < 300
                or serving_count < 300
                or coalesce(candidate_rarest_count, {{ least_class_count }})
                < {{ least_class_count }}
                or coalesce(serving_rarest_count, {{ least_class_count }})
                < {{ least_class_count }}
            then 'keep_collecting'
            when difference - sequence_half_width > rollback_margin then 'rollback'
            when difference + sequence_half_width < promote_margin then 'promote'
            else 'keep_collecting'
        end as look
    from sequences

),

first_decisions as (

    select
        *,
        min(case when look <> 'keep_collecting' then through_date end) over (
            partition by {{ series | join(', ') }}
        ) as decided_through_date
    from looks

),

latched as (

    select
        *,
        max(case when through_date = decided_through_date then look end) over (
            partition by {{ series | join(', ') }}
        ) as first_decision,
        max(case when through_date = decided_through_date then as_of_date end) over (
            partition by {{ series | join(', ') }}
        ) as first_decision_date
    from first_decisions

)

select
    through_date as metric_date,
    model_name,
    candidate_version,
    serving_version,
    role,
    method,
    as_of_date,
    cast(day_count as {{ dbt.type_bigint() }}) as day_count,
    cast(candidate_count as {{ dbt.type_bigint() }}) as candidate_labeled_count,
    cast(serving_count as {{ dbt.type_bigint() }}) as serving_labeled_count,
    overlap_share,
    difference,
    standard_error,
    z_score,
    {{ log_loss.normal_upper_tail('z_score') }} as p_value,
    sequence_half_width,
    rollback_margin,
    promote_margin,
    case
        when through_date >= decided_through_date then first_decision
        else 'keep_collecting'
    end as decision,
    case when through_date >= decided_through_date then first_decision_date end
        as first_decision_date,
    cast(
        case
            when difference >= promote_margin then null
            when
                standard_error * 2.78 <= promote_margin - difference then 0
            -- never
            when standard_error > 1e4 * (promote_margin - difference) then null
            else ceil(
                pooled_count * (
                    (2.78 * standard_error / (promote_margin - difference))
                    * (2.78 * standard_error / (promote_margin - difference))
                    - 1
                )
            )
        end as {{ dbt.type_bigint() }}
    ) as labels_still_needed
from latched
