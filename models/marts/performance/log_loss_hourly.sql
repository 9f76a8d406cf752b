{%- set hourly_days = log_loss.configuration().hourly_days -%}
{%- set as_of_date -%}
(select as_of_date from {{ ref('int_log_loss__clock') }})
{%- endset -%}
{#- labels older than their predictions, by up to a week, are found as well -#}
{%- set since = log_loss.add_days(as_of_date, -hourly_days - 7) -%}
with

recent_requests as (

    select distinct
        request_id,
        model_name
    from {{ ref('stg_log_loss__predictions') }}
    where
        rejection_reason is null
        and metric_date > {{ log_loss.add_days(as_of_date, -hourly_days) }}
        and metric_date <= {{ as_of_date }}
        and {{ log_loss.may_be_recorded_since(since) }}

),

{{ log_loss.scored_history('recent_requests', since, now=true) }},

clock as (

    select {{ log_loss.add_days('as_of_date', 1 - hourly_days) }} as first_date
    from {{ ref('int_log_loss__clock') }}

),

hours as (

    select
        24 * {{ log_loss.days_between('clock.first_date', 'scored.metric_date') }}
        + cast(
            {{ log_loss.hour_of_day('scored.predicted_at') }} as {{ dbt.type_int() }}
        ) as hour_number,
        scored.model_name,
        scored.model_version,
        {{ log_loss.class_count() | replace('model_name', 'scored.model_name') }}
            as class_count,
        scored.class_index,
        scored.loss,
        scored.entropy,
        scored.score
    from scored
    cross join clock
    where
        scored.metric_date > {{ log_loss.add_days(as_of_date, -hourly_days) }}
        and scored.metric_date <= {{ as_of_date }}

),

class_sums as (

    select
        hour_number,
        model_name,
        model_version,
        class_index,
        max(class_count) as class_count,
        count(*) as prediction_count,
        count(loss) as labeled_count,
        sum(loss) as loss_sum,
        sum(loss * loss) as loss_squared_sum,
        sum(entropy) as entropy_sum,
        sum(score) as score_sum
    from hours
    group by
        hour_number,
        model_name,
        model_version,
        class_index

),

sums as (

    select
        hour_number,
        model_name,
        model_version,
        sum(prediction_count) as prediction_count,
        sum(labeled_count) as labeled_count,
        sum(loss_sum) as loss_sum,
        sum(loss_squared_sum) as loss_squared_sum,
        sum(entropy_sum) as entropy_sum,
        sum(score_sum) as score_sum,
        {{ log_loss.rarest_label_count() }} as rarest_label_count
    from class_sums
    group by
        hour_number,
        model_name,
        model_version

),

versions as (

    select
        model_name,
        model_version,
        min(hour_number) as first_hour,
        max(max(hour_number)) over () as last_hour
    from sums
    group by
        model_name,
        model_version

),

numbers as (

    {{ log_loss.whole_numbers(0, 24 * hourly_days - 1) }}

),

-- an hour in which nobody asked has a row as well, from a version's first to the last
-- of all of them
grid as (

    select
        versions.model_name,
        versions.model_version,
        numbers.number as hour_number,
        cast(
            floor(numbers.number / {{ log_loss.double(24) }}) as {{ dbt.type_int() }}
        ) as day_number
    from versions
    inner join numbers
        on
            versions.first_hour <= numbers.number
            and versions.last_hour >= numbers.number

),

filled as (

    select
        {{ log_loss.add_days('clock.first_date', 'grid.day_number') }} as metric_date,
        grid.hour_number - 24 * grid.day_number as hour_of_day,
        grid.model_name,
        grid.model_version,
        coalesce(sums.prediction_count, 0) as prediction_count,
        coalesce(sums.labeled_count, 0) as labeled_count,
        sums.entropy_sum,
        sums.score_sum,
        {{ log_loss.safe_divide('sums.loss_sum', 'sums.labeled_count') }}
            as mean_log_loss,
        {{ log_loss.sample_stddev(
            'sums.loss_sum', 'sums.loss_squared_sum', 'sums.labeled_count'
        ) }} as log_loss_stddev,
        sums.rarest_label_count
    from grid
    cross join clock
    left join sums
        on
            grid.model_name = sums.model_name
            and grid.model_version = sums.model_version
            and grid.hour_number = sums.hour_number

)

select
    metric_date,
    cast(hour_of_day as {{ dbt.type_bigint() }}) as hour_of_day,
    model_name,
    model_version,
    cast(prediction_count as {{ dbt.type_bigint() }}) as prediction_count,
    cast(labeled_count as {{ dbt.type_bigint() }}) as labeled_count,
    {{ log_loss.safe_divide('labeled_count', 'prediction_count') }} as label_coverage,
    mean_log_loss,
    {% for side in ['lower', 'upper'] -%}
    {{ log_loss.confidence_interval(
        side, 'mean_log_loss', 'log_loss_stddev', 'labeled_count', 'rarest_label_count'
    ) }} as log_loss_ci_{{ side }},
    {% endfor -%}
    {{ log_loss.safe_divide('entropy_sum', 'prediction_count') }} as expected_log_loss,
    {{ log_loss.safe_divide('score_sum', 'prediction_count') }} as mean_score
from filled
