-- What: the cohorts and the classes of a day add up to the day, in labels, in
-- predictions and in total loss.
-- When it matters: a mart was left behind by a partial run, or the ledger has not read
-- rows that it should have (assert_ledger_is_complete says which, and what to run).
-- How to resolve: run that command, or `dbt build --select package:log_loss`; if a
-- difference stays, please report it with the returned rows.
-- Tolerance: counts exactly; sums of losses within 1e-12 of the sum of the absolute
-- amounts posted, because signed sums cancel.
with

days as (

    select
        metric_date,
        model_name,
        model_version,
        prediction_count,
        labeled_count,
        coalesce(mean_log_loss * labeled_count, 0) as loss_sum
    from {{ ref('log_loss_daily') }}

),

parts as (

    select
        metric_date,
        model_name,
        model_version,
        cohort_name as part,
        sum(prediction_count) as prediction_count,
        sum(labeled_count) as labeled_count,
        sum(coalesce(mean_log_loss * labeled_count, 0)) as loss_sum
    from {{ ref('log_loss_daily_by_cohort') }}
    group by metric_date, model_name, model_version, cohort_name

    union all

    -- a class has no predictions of its own
    select
        metric_date,
        model_name,
        model_version,
        'class' as part,
        cast(null as {{ dbt.type_bigint() }}) as prediction_count,
        sum(labeled_count) as labeled_count,
        sum(coalesce(mean_log_loss * labeled_count, 0)) as loss_sum
    from {{ ref('log_loss_daily_by_class') }}
    group by metric_date, model_name, model_version

),

entries as (

    {{ log_loss.ledger_rows(['overall']) }}

),

posted as (

    select
        metric_date,
        model_name,
        model_version,
        sum(coalesce(abs(loss_sum), 0)) as posted_loss
    from entries
    group by metric_date, model_name, model_version

),

part_names as (

    select distinct part from parts

)

select
    days.metric_date,
    days.model_name,
    days.model_version,
    part_names.part,
    days.prediction_count,
    parts.prediction_count as prediction_count_of_parts,
    days.labeled_count,
    parts.labeled_count as labeled_count_of_parts,
    days.loss_sum,
    parts.loss_sum as loss_sum_of_parts
from days
cross join part_names
inner join posted
    on
        days.metric_date = posted.metric_date
        and days.model_name = posted.model_name
        and days.model_version = posted.model_version
left join parts
    on
        days.metric_date = parts.metric_date
        and days.model_name = parts.model_name
        and days.model_version = parts.model_version
        and part_names.part = parts.part
where
    days.labeled_count <> coalesce(parts.labeled_count, 0)
    or (
        part_names.part <> 'class'
        and days.prediction_count <> coalesce(parts.prediction_count, 0)
    )
    or not (
        abs(days.loss_sum - coalesce(parts.loss_sum, 0))
        <= {{ log_loss.double('1e-12') }} * posted.posted_loss
    )
