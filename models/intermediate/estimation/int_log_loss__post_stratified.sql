{%- set keys = log_loss.estimate_keys() -%}
{%- set sums = [
    'prediction_count', 'labeled_count', 'loss_sum', 'loss_squared_sum'
] -%}
-- The loss where each stratum counts for all of its predictions. The small ones are
-- taken together, and by the mean of all where that is small as well.
with

strata as (

    select
        {% for key in keys -%}
        estimate_days.{{ key }},
        {% endfor -%}
        aged_sums.cohort_value,
        {% for sum in sums -%}
        sum(aged_sums.{{ sum }}) as {{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_log_loss__estimate_days') }} as estimate_days
    inner join {{ ref('int_log_loss__aged_sums') }} as aged_sums
        on
            estimate_days.member_date = aged_sums.metric_date
            and estimate_days.model_name = aged_sums.model_name
            and estimate_days.model_version = aged_sums.model_version
            and estimate_days.member_age = aged_sums.age_days
    where aged_sums.cohort_name <> 'all'
    group by
        {% for key in keys -%}
        estimate_days.{{ key }},
        {% endfor -%}
        aged_sums.cohort_value

),

collapsed_strata as (

    select
        {{ keys | join(',\n        ') }},
        case when labeled_count < 10 then '(small)' else '=' || cohort_value end
            as stratum,
        {% for sum in sums -%}
        sum({{ sum }}) as {{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from strata
    group by
        {{ keys | join(',\n        ') }},
        case when labeled_count < 10 then '(small)' else '=' || cohort_value end

),

strata_means as (

    select
        {% for key in keys -%}
        collapsed_strata.{{ key }},
        {% endfor -%}
        {{ log_loss.safe_divide(
            'collapsed_strata.prediction_count', 'windows.prediction_count'
        ) }} as weight,
        case
            when collapsed_strata.labeled_count < 10 then windows.mean_loss
            else {{ log_loss.safe_divide(
                'collapsed_strata.loss_sum', 'collapsed_strata.labeled_count'
            ) }}
        end as mean_loss,
        case
            when collapsed_strata.labeled_count < 10 then windows.loss_stddev
            else {{ log_loss.sample_stddev(
                'collapsed_strata.loss_sum', 'collapsed_strata.loss_squared_sum',
                'collapsed_strata.labeled_count'
            ) | indent(12) }}
        end as loss_stddev,
        {% for sum in ['labeled_count', 'prediction_count'] -%}
        case
            when collapsed_strata.labeled_count < 10 then windows.{{ sum }}
            else collapsed_strata.{{ sum }}
        end as {{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from collapsed_strata
    inner join {{ ref('int_log_loss__estimate_windows') }} as windows
        on {{ log_loss.same_columns(keys, 'collapsed_strata', 'windows') }}

)

select
    {{ keys | join(',\n    ') }},
    sum(weight * mean_loss) as estimate,
    sqrt(sum(
        weight * weight * loss_stddev * loss_stddev / nullif(labeled_count, 0)
        * case
            when labeled_count < prediction_count
            then 1 - {{ log_loss.safe_divide('labeled_count', 'prediction_count') }}
            else {{ log_loss.double(0) }}
        end
    )) as standard_error
from strata_means
group by {{ keys | join(',\n    ') }}
