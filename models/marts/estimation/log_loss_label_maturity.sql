-- How fast the labels of each class come.
with

completeness as (

    select * from {{ ref('int_log_loss__completeness') }}

),

clock as (

    select last_whole_date from {{ ref('int_log_loss__clock') }}

)

select
    completeness.model_name,
    completeness.label,
    cast(completeness.weekday as {{ dbt.type_bigint() }}) as weekday,
    cast(completeness.age_days as {{ dbt.type_bigint() }}) as age_days,
    clock.last_whole_date as as_of_date,
    completeness.labeled_count,
    completeness.complete_date_count,
    completeness.completeness as label_completeness,
    sqrt(completeness.development_variance) as development_error,
    completeness.late_share
from completeness
inner join clock on completeness.as_of_date = clock.last_whole_date
