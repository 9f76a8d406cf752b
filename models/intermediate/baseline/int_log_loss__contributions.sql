{%- set version = ['evaluation_date', 'model_name', 'model_version'] %}

with

comparisons as (

    select * from {{ ref('int_log_loss__baseline_comparisons') }}
    where measure = 'log_loss' and window_name = 'judged' and label = 'all'

),

parts as (

    select
        {% for column in version -%}
        cohorts.{{ column }},
        {% endfor -%}
        cohorts.cohort_name,
        cohorts.cohort_value,
        versions.increase,
        {{ log_loss.safe_divide('cohorts.row_count', 'versions.row_count') }}
            as labeled_share,
        cohorts.increase as cohort_increase,
        {{ log_loss.safe_divide('cohorts.row_count', 'versions.row_count') }}
        * cohorts.increase as contribution
    from comparisons as cohorts
    inner join comparisons as versions
        on {{ log_loss.same_columns(version, 'cohorts', 'versions') | indent(8) }}
    where
        cohorts.cohort_name <> 'all'
        and versions.cohort_name = 'all'

),

-- what cohorts do not explain by themselves: another mix of them, cohorts without a
-- baseline, and days on which only some of them are mature
remainders as (

    select
        {{ version | join(',\n        ') }},
        cohort_name,
        '(mix)' as cohort_value,
        increase,
        cast(null as {{ log_loss.type_double() }}) as labeled_share,
        cast(null as {{ log_loss.type_double() }}) as cohort_increase,
        increase - sum(contribution) as contribution
    from parts
    group by
        {{ version | join(',\n        ') }},
        cohort_name,
        increase

),

all_parts as (

    select * from parts

    union all

    select * from remainders

)

select
    {{ version | join(',\n    ') }},
    cohort_name,
    cohort_value,
    increase,
    labeled_share,
    cohort_increase,
    contribution,
    -- a share of nothing is none
    case
        when abs(increase) > {{ log_loss.double('1e-6') }} then contribution / increase
    end as contribution_share
from all_parts
