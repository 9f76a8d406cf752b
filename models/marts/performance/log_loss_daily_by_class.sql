-- How good a model version was on each day, by class.
with

labels as (

    select
        *,
        {{ log_loss.safe_divide('loss_sum', 'labeled_count') }} as mean_log_loss,
        {{ log_loss.sample_stddev(
            'loss_sum', 'loss_squared_sum', 'labeled_count'
        ) }} as log_loss_stddev,
        sum(labeled_count) over (
            partition by metric_date, model_name, model_version
        ) as labeled_count_of_day
    from {{ ref('int_log_loss__label_sums') }}
    where cohort_name = 'all'

),

{{ log_loss.with_loss_bins('loss_bins') }},

{{ log_loss.loss_percentiles(
    'loss_bins', ['metric_date', 'model_name', 'model_version', 'label'], 'percentiles'
) }},

joined as (

    select
        labels.*,
        percentiles.p50_log_loss,
        percentiles.p95_log_loss,
        percentiles.p99_log_loss
    from labels
    left join percentiles
        on
            labels.metric_date = percentiles.metric_date
            and labels.model_name = percentiles.model_name
            and labels.model_version = percentiles.model_version
            and labels.label = percentiles.label
    where labels.labeled_count > 0

)

select
    metric_date,
    model_name,
    model_version,
    label,
    labeled_count,
    {{ log_loss.safe_divide('labeled_count', 'labeled_count_of_day') }} as label_share,
    mean_log_loss,
    log_loss_stddev,
    {{ log_loss.confidence_interval(
        'lower', 'mean_log_loss', 'log_loss_stddev', 'labeled_count'
    ) }} as log_loss_ci_lower,
    {{ log_loss.confidence_interval(
        'upper', 'mean_log_loss', 'log_loss_stddev', 'labeled_count'
    ) }} as log_loss_ci_upper,
    clipped_count between 1 and 9 as ci_is_fragile,
    p50_log_loss,
    p95_log_loss,
    p99_log_loss,
    {{ log_loss.safe_divide('correct_count', 'labeled_count') }} as recall
from joined
