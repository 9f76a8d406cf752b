-- How good a model version was on each day, by cohort.
with

days as (

    select
        *,
        {{ log_loss.safe_divide('loss_sum', 'labeled_count') }} as mean_log_loss,
        {{ log_loss.sample_stddev(
            'loss_sum', 'loss_squared_sum', 'labeled_count'
        ) }} as log_loss_stddev
    from {{ ref('int_log_loss__daily_sums') }}

)

select
    cohorts.metric_date,
    cohorts.model_name,
    cohorts.model_version,
    cohorts.cohort_name,
    cohorts.cohort_value,
    cohorts.prediction_count,
    cohorts.rejected_count,
    cohorts.labeled_count,
    cohorts.label_coverage,
    cohorts.mean_log_loss,
    cohorts.log_loss_stddev,
    {{ log_loss.confidence_interval(
        'lower', 'cohorts.mean_log_loss', 'cohorts.log_loss_stddev',
        'cohorts.labeled_count', 'cohorts.rarest_label_count'
    ) }} as log_loss_ci_lower,
    {{ log_loss.confidence_interval(
        'upper', 'cohorts.mean_log_loss', 'cohorts.log_loss_stddev',
        'cohorts.labeled_count', 'cohorts.rarest_label_count'
    ) }} as log_loss_ci_upper,
    cohorts.clipped_count between 1 and 9 as ci_is_fragile,
    cohorts.mean_log_loss - overall.mean_log_loss as loss_vs_overall,
    cohorts.is_mature
from days as cohorts
inner join days as overall
    on
        cohorts.metric_date = overall.metric_date
        and cohorts.model_name = overall.model_name
        and cohorts.model_version = overall.model_version
        and overall.cohort_name = 'all'
where cohorts.cohort_name <> 'all'
