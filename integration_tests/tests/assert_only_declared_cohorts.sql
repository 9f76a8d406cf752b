-- What: the cohort mart has the two columns that dbt_project.yml names, no other.
-- When: whenever log_loss_cohorts changes.
-- How to resolve: rebuild with `--full-refresh`.
with

expected as (

    select 'country' as cohort_name
    union all
    select 'channel' as cohort_name

),

found as (

    select distinct cohort_name
    from {{ ref('log_loss', 'log_loss_daily_by_cohort') }}

)

select
    expected.cohort_name as expected_cohort_name,
    found.cohort_name as found_cohort_name
from expected
full outer join found
    on expected.cohort_name = found.cohort_name
where expected.cohort_name is null or found.cohort_name is null
