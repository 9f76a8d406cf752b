-- How good a model version was on each day.
with

days as (

    select *
    from {{ ref('int_log_loss__daily_sums') }}
    where cohort_name = 'all'

),

-- sums over sums over calendar days: a missing day does not shrink the window
rolling as (

    select
        days.metric_date,
        days.model_name,
        days.model_version,
        sum(
            case
                when earlier.metric_date
                    >= {{ log_loss.add_days('days.metric_date', -6) }}
                then earlier.loss_sum
            end
        ) as loss_sum_7d,
        sum(
            case
                when earlier.metric_date
                    >= {{ log_loss.add_days('days.metric_date', -6) }}
                then earlier.labeled_count
            end
        ) as labeled_count_7d,
        sum(earlier.loss_sum) as loss_sum_28d,
        sum(earlier.labeled_count) as labeled_count_28d
    from days
    inner join days as earlier
        on
            days.model_name = earlier.model_name
            and days.model_version = earlier.model_version
            and days.metric_date >= earlier.metric_date
            and {{ log_loss.add_days('days.metric_date', -27) }}
                <= earlier.metric_date
    group by days.metric_date, days.model_name, days.model_version

),

{{ log_loss.with_loss_bins('loss_bins') }},

-- whatever the label
{{ log_loss.loss_percentiles(
    'loss_bins', ['metric_date', 'model_name', 'model_version'], 'percentiles'
) }},

means as (

    select
        days.*,
        {{ log_loss.safe_divide('days.loss_sum', 'days.labeled_count') }}
            as mean_log_loss,
        {{ log_loss.sample_stddev(
            'days.loss_sum', 'days.loss_squared_sum', 'days.labeled_count'
        ) }} as log_loss_stddev,
        {{ log_loss.safe_divide('rolling.loss_sum_7d', 'rolling.labeled_count_7d') }}
            as mean_log_loss_7d,
        {{ log_loss.safe_divide('rolling.loss_sum_28d', 'rolling.labeled_count_28d') }}
            as mean_log_loss_28d,
        percentiles.p50_log_loss,
        percentiles.p95_log_loss,
        percentiles.p99_log_loss
    from days
    inner join rolling
        on
            days.metric_date = rolling.metric_date
            and days.model_name = rolling.model_name
            and days.model_version = rolling.model_version
    left join percentiles
        on
            days.metric_date = percentiles.metric_date
            and days.model_name = percentiles.model_name
            and days.model_version = percentiles.model_version

)

select
    metric_date,
    model_name,
    model_version,
    prediction_count,
    rejected_count,
    labeled_count,
    label_coverage,
    mean_log_loss,
    log_loss_stddev,
    {{ log_loss.confidence_interval(
        'lower', 'mean_log_loss', 'log_loss_stddev', 'labeled_count',
        'rarest_label_count'
    ) }} as log_loss_ci_lower,
    {{ log_loss.confidence_interval(
        'upper', 'mean_log_loss', 'log_loss_stddev', 'labeled_count',
        'rarest_label_count'
    ) }} as log_loss_ci_upper,
    clipped_count between 1 and 9 as ci_is_fragile,
    {{ log_loss.safe_divide(
        'loss_sum - clipped_loss_sum', 'labeled_count - clipped_count'
    ) }} as mean_log_loss_unclipped,
    p50_log_loss,
    p95_log_loss,
    p99_log_loss,
    {{ log_loss.safe_divide('weighted_loss_sum', 'weight_sum') }}
        as weighted_log_loss,
    class_balanced_log_loss,
    {{ log_loss.safe_divide('focal_loss_sum', 'labeled_count') }} as mean_focal_loss,
    {{ log_loss.safe_divide('brier_sum', 'labeled_count') }} as mean_brier,
    {{ log_loss.safe_divide('spherical_score_sum', 'labeled_count') }}
        as mean_spherical_score,
    {{ log_loss.safe_divide('correct_count', 'labeled_count') }} as accuracy,
    base_rate_entropy,
    {{ log_loss.normalized_entropy('mean_log_loss', 'base_rate_entropy') }}
        as normalized_entropy,
    {{ log_loss.perplexity('mean_log_loss') }} as perplexity,
    cast(clipped_count as {{ dbt.type_bigint() }}) as clipped_count,
    {{ log_loss.safe_divide('clipped_loss_sum', 'loss_sum') }} as clipped_loss_share,
    cast(label_before_prediction_count as {{ dbt.type_bigint() }})
        as label_before_prediction_count,
    mean_log_loss_7d,
    mean_log_loss_28d,
    is_mature
from means
