{%- set keys = ['model_name', 'model_version', 'feature', 'metric_date'] -%}
with

drifts as (

    select drifts.*
    from {{ ref('int_log_loss__drifts') }} as drifts
    inner join {{ ref('int_log_loss__clock') }} as clock
        on drifts.known_by = clock.as_of_date
    where drifts.feature <> '(score)'

),

windows as (

    select * from {{ ref('int_log_loss__drift_windows') }}

),

losses as (

    select
        metric_date,
        model_name,
        model_version,
        {{ log_loss.safe_divide('loss_sum', 'labeled_count') }} as mean_log_loss
    from {{ ref('int_log_loss__daily_sums') }}
    where cohort_name = 'all' and labeled_count > 0 and is_mature

),

-- the drift of each single day beside its loss, over the 28 days up to each
paired as (

    select
        ends.model_name,
        ends.model_version,
        ends.feature,
        ends.metric_date,
        earlier.psi,
        losses.mean_log_loss,
        avg(earlier.psi) over (
            partition by
                ends.model_name, ends.model_version, ends.feature, ends.metric_date
        ) as mean_psi,
        avg(losses.mean_log_loss) over (
            partition by
                ends.model_name, ends.model_version, ends.feature, ends.metric_date
        ) as mean_of_losses
    from drifts as ends
    inner join drifts as earlier
        on
            ends.model_name = earlier.model_name
            and ends.model_version = earlier.model_version
            and ends.feature = earlier.feature
            and ends.metric_date >= earlier.metric_date
            and {{ log_loss.add_days('ends.metric_date', -28) }} < earlier.metric_date
    inner join losses
        on
            earlier.metric_date = losses.metric_date
            and earlier.model_name = losses.model_name
            and earlier.model_version = losses.model_version
    where ends.window_days = 1 and earlier.window_days = 1

),

correlations as (

    select
        {{ keys | join(',\n        ') }},
        count(*) as day_count,
        sum((psi - mean_psi) * (mean_log_loss - mean_of_losses)) as product_sum,
        sum((psi - mean_psi) * (psi - mean_psi)) as psi_square_sum,
        sum((mean_log_loss - mean_of_losses) * (mean_log_loss - mean_of_losses))
            as loss_square_sum
    from paired
    group by {{ keys | join(', ') }}

),

judged as (

    select
        drifts.*,
        case
            when
                correlations.day_count >= 14
                and correlations.psi_square_sum > {{ log_loss.double('1e-24') }}
                and correlations.loss_square_sum > {{ log_loss.double('1e-24') }}
            then
                correlations.product_sum
                / sqrt(correlations.psi_square_sum)
                / sqrt(correlations.loss_square_sum)
        end as loss_correlation
    from drifts
    left join correlations
        on {{ log_loss.same_columns(keys, 'drifts', 'correlations') }}

)

select
    judged.metric_date,
    cast(judged.window_days as {{ dbt.type_bigint() }}) as window_days,
    judged.model_name,
    judged.model_version,
    judged.feature,
    judged.feature_type,
    windows.reference_version,
    windows.reference_start_date,
    windows.reference_end_date,
    judged.reference_count,
    judged.prediction_count,
    judged.reference_missing_share,
    judged.missing_share,
    judged.psi,
    judged.psi_if_unchanged,
    judged.jensen_shannon_distance,
    judged.loss_correlation,
    cast(
        row_number() over (
            partition by
                judged.metric_date,
                judged.window_days,
                judged.model_name,
                judged.model_version
            order by
                case when judged.psi > 3 * judged.psi_if_unchanged then 0 else 1 end
                    asc,
                case when judged.loss_correlation is null then 1 else 0 end asc,
                judged.loss_correlation desc,
                judged.psi desc,
                judged.feature asc
        ) as {{ dbt.type_bigint() }}
    ) as drift_rank
from judged
inner join windows
    on
        judged.model_name = windows.model_name
        and judged.model_version = windows.model_version
        and judged.metric_date = windows.metric_date
        and judged.window_days = windows.window_days
        and judged.known_by = windows.known_by
