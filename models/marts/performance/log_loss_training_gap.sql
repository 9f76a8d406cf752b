-- What training promised beside what production gives, per version, and how old its
-- knowledge was when it went live.
with

{{ log_loss.dated_training_metrics() }},

training as (

    select
        model_name,
        model_version,
        {% for metric in [
            'training_log_loss', 'validation_log_loss', 'training_labels_until'
        ] -%}
        max(case when metric_key = '{{ metric }}' then value end) as {{ metric }},
        {% endfor -%}
        cast(max(logged_at) as date) as trained_on
    from dated_training_metrics
    where
        known_until = {{ log_loss.far_date() }}
        and metric_key in (
            'training_log_loss', 'validation_log_loss', 'training_labels_until'
        )
    group by model_name, model_version

),

-- a shadow is asked and answers nobody
deployments as (

    select
        model_name,
        model_version,
        cast(min(case when role <> 'shadow' then deployed_at end) as date)
            as deployed_on
    from {{ ref('stg_log_loss__deployments') }}
    where deployed_at is not null
    group by model_name, model_version

),

daily_sums as (

    select * from {{ ref('int_log_loss__daily_sums') }}
    where cohort_name = 'all'

),

-- mature days alone: young labels are not a sample of all of them
production as (

    select
        model_name,
        model_version,
        min(case when prediction_count > 0 then metric_date end)
            as first_prediction_date,
        sum(case when is_mature then 1 else 0 end) as mature_day_count,
        sum(case when is_mature then labeled_count else 0 end) as labeled_count,
        sum(case when is_mature then loss_sum else 0 end) as loss_sum,
        sum(case when is_mature then loss_squared_sum else 0 end) as loss_squared_sum
    from daily_sums
    group by model_name, model_version

),

class_sums as (

    select
        daily_sums.model_name,
        daily_sums.model_version,
        label_sums.label,
        sum(label_sums.labeled_count) as labeled_count
    from daily_sums
    inner join {{ ref('int_log_loss__label_sums') }} as label_sums
        on
            daily_sums.metric_date = label_sums.metric_date
            and {{ log_loss.same_scope('daily_sums', 'label_sums') }}
    where daily_sums.is_mature
    group by
        daily_sums.model_name,
        daily_sums.model_version,
        label_sums.label

),

counted_classes as (

    select
        *,
        {{ log_loss.class_count() }} as class_count
    from class_sums

),

rarest_labels as (

    select
        model_name,
        model_version,
        {{ log_loss.rarest_label_count() }} as rarest_label_count
    from counted_classes
    group by model_name, model_version

),

means as (

    select
        production.*,
        {{ log_loss.safe_divide('production.loss_sum', 'production.labeled_count') }}
            as mean_log_loss,
        {{ log_loss.sample_stddev(
            'production.loss_sum', 'production.loss_squared_sum',
            'production.labeled_count'
        ) }} as log_loss_stddev,
        training.training_log_loss,
        training.validation_log_loss,
        training.training_labels_until,
        training.trained_on,
        case
            when deployments.model_name is null
            then production.first_prediction_date
            else deployments.deployed_on
        end as deployed_on,
        rarest_labels.rarest_label_count
    from production
    left join training
        on
            production.model_name = training.model_name
            and production.model_version = training.model_version
    left join deployments
        on
            production.model_name = deployments.model_name
            and production.model_version = deployments.model_version
    left join rarest_labels
        on
            production.model_name = rarest_labels.model_name
            and production.model_version = rarest_labels.model_version

)

select
    model_name,
    model_version,
    trained_on,
    deployed_on,
    first_prediction_date,
    training_log_loss,
    validation_log_loss,
    cast(mature_day_count as {{ dbt.type_bigint() }}) as mature_day_count,
    cast(labeled_count as {{ dbt.type_bigint() }}) as labeled_count,
    mean_log_loss,
    {{ log_loss.confidence_interval(
        'lower', 'mean_log_loss', 'log_loss_stddev', 'labeled_count',
        'rarest_label_count'
    ) }} as log_loss_ci_lower,
    {{ log_loss.confidence_interval(
        'upper', 'mean_log_loss', 'log_loss_stddev', 'labeled_count',
        'rarest_label_count'
    ) }} as log_loss_ci_upper,
    validation_log_loss - training_log_loss as generalization_gap,
    mean_log_loss - validation_log_loss as production_gap,
    {{ log_loss.safe_divide('mean_log_loss', 'validation_log_loss') }} - 1
        as relative_production_gap,
    cast(
        {{ log_loss.days_between(log_loss.undated(), 'deployed_on') }}
        - floor(training_labels_until / {{ log_loss.double(86400) }})
        as {{ dbt.type_bigint() }}
    ) as retrain_lag_days
from means
where first_prediction_date is not null
