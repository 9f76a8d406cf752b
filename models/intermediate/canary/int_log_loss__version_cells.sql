{%- set settings = log_loss.configuration() -%}
{%- set pair = ['model_name', 'candidate_version', 'baseline_version', 'role'] %}

with

compared_days as (

    select * from {{ ref('int_log_loss__compared_days') }}

),

known_sums as (

    select * from {{ ref('int_log_loss__known_sums') }}

),

sides as (

    {% for side in ['candidate', 'baseline'] -%}
    select
        compared_days.*,
        known_sums.cohort_value as stratum,
        known_sums.label,
        {% for other in ['candidate', 'baseline'] -%}
        {% for sum in ['labeled_count', 'loss_sum', 'loss_squared_sum'] -%}
        {{ 'known_sums.' ~ sum if side == other else '0' }} as {{ other }}_{{ sum }}
        {{- ',' if not loop.last }}
        {% endfor -%}
        {{ ',' if not loop.last }}
        {% endfor %}
    from compared_days
    inner join known_sums
        on
            compared_days.model_name = known_sums.model_name
            and compared_days.{{ side }}_version = known_sums.model_version
            and compared_days.metric_date = known_sums.metric_date
            and compared_days.as_of_date >= known_sums.known_from
            and compared_days.as_of_date < known_sums.known_until
    where
        known_sums.label <> 'all'
        and known_sums.cohort_name = {{ log_loss.text_literal(settings.stratum) }}
    {%- if not loop.last %}

    union all

    {% endif %}
    {%- endfor %}

)

select
    {{ pair | join(',\n    ') }},
    through_date,
    as_of_date,
    metric_date,
    stratum,
    label,
    {% for side in ['candidate', 'baseline'] -%}
    cast(sum({{ side }}_labeled_count) as {{ dbt.type_bigint() }})
        as {{ side }}_labeled_count,
    sum({{ side }}_loss_sum) as {{ side }}_loss_sum,
    sum({{ side }}_loss_squared_sum) as {{ side }}_loss_squared_sum
    {{- ',' if not loop.last }}
    {% endfor %}
from sides
group by
    {{ pair | join(',\n    ') }},
    through_date,
    as_of_date,
    metric_date,
    stratum,
    label
