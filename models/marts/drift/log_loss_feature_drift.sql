{%- set series = ['model_name', 'model_version', 'feature', 'metric_date'] -%}
{%- set window_key = [
    'model_name', 'model_version', 'metric_date', 'window_days', 'as_of_date'
] -%}
-- Which inputs of the model have changed, and which of the changes go with its
-- loss.
with

drifts as (

    select drifts.*
    from {{ ref('int_log_loss__drifts') }} as drifts
    inner join {{ ref('int_log_loss__clock') }} as clock
        on drifts.as_of_date = clock.as_of_date
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
        loss_sum,
        labeled_count,
        is_mature
    from {{ ref('int_log_loss__daily_sums') }}
    where cohort_name = 'all' and labeled_count > 0

),

references_used as (

    select distinct
        model_name,
        reference_version,
        reference_start_date,
        reference_end_date
    from windows

),

reference_losses as (

    select
        references_used.model_name,
        references_used.reference_version,
        references_used.reference_start_date,
        references_used.reference_end_date,
        {{ log_loss.safe_divide(
            'sum(losses.loss_sum)', 'sum(losses.labeled_count)'
        ) }} as mean_log_loss
    from references_used
    inner join losses
        on
            references_used.model_name = losses.model_name
            and references_used.reference_version = losses.model_version
            and references_used.reference_start_date <= losses.metric_date
            and references_used.reference_end_date >= losses.metric_date
    group by
        references_used.model_name,
        references_used.reference_version,
        references_used.reference_start_date,
        references_used.reference_end_date

),

-- single days: what they have drifted beyond chance, and how far their loss has risen
single_days as (

    select
        drifts.model_name,
        drifts.model_version,
        drifts.feature,
        drifts.metric_date,
        drifts.psi - drifts.psi_if_unchanged as drift,
        {{ log_loss.safe_divide('losses.loss_sum', 'losses.labeled_count') }}
        - reference_losses.mean_log_loss as rise
    from drifts
    inner join windows
        on {{ log_loss.same_columns(window_key, 'drifts', 'windows') }}
    inner join losses
        on
            drifts.model_name = losses.model_name
            and drifts.model_version = losses.model_version
            and drifts.metric_date = losses.metric_date
            and losses.is_mature
    inner join reference_losses
        on {{ log_loss.same_columns(
            ['model_name', 'reference_version', 'reference_start_date',
             'reference_end_date'],
            'windows', 'reference_losses'
        ) }}
    where drifts.window_days = 1

),

-- of the last 28 of them, and as many at the reference: no drift, no rise
running as (

    select
        model_name,
        model_version,
        feature,
        metric_date,
        {% for name, of in {
            'day_count': '1',
            'drift_sum': 'drift',
            'rise_sum': 'rise',
            'drift_squared_sum': 'drift * drift',
            'rise_squared_sum': 'rise * rise',
            'product_sum': 'drift * rise',
        }.items() -%}
        sum({{ of }}) over (
            partition by model_name, model_version, feature
            order by metric_date
            rows between 27 preceding and current row
        ) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from single_days

),

moments as (

    select
        *,
        drift_squared_sum - drift_sum * drift_sum / (2 * day_count) as drift_moment,
        rise_squared_sum - rise_sum * rise_sum / (2 * day_count) as rise_moment,
        product_sum - drift_sum * rise_sum / (2 * day_count) as product_moment
    from running

),

correlations as (

    select
        model_name,
        model_version,
        feature,
        metric_date,
        case
            when day_count >= 14 and drift_moment > 0 and rise_moment > 0
            then product_moment / sqrt(drift_moment) / sqrt(rise_moment)
        end as loss_correlation
    from moments

),

-- labels come later than predictions: the last day that both are known of
last_known as (

    select
        drifts.model_name,
        drifts.model_version,
        drifts.feature,
        drifts.metric_date,
        max(correlations.metric_date) as correlated_date
    from drifts
    inner join correlations
        on
            drifts.model_name = correlations.model_name
            and drifts.model_version = correlations.model_version
            and drifts.feature = correlations.feature
            and drifts.metric_date >= correlations.metric_date
    group by
        drifts.model_name,
        drifts.model_version,
        drifts.feature,
        drifts.metric_date

),

evaluated as (

    select
        drifts.*,
        correlations.loss_correlation,
        case when drifts.psi > 3 * drifts.psi_if_unchanged then 1 else 0 end
            as has_moved,
        case
            when correlations.loss_correlation >= {{ log_loss.double('0.5') }} then 1
            else 0
        end as moves_with_loss
    from drifts
    left join last_known
        on {{ log_loss.same_columns(series, 'drifts', 'last_known') }}
    left join correlations
        on
            last_known.model_name = correlations.model_name
            and last_known.model_version = correlations.model_version
            and last_known.feature = correlations.feature
            and last_known.correlated_date = correlations.metric_date

)

select
    evaluated.metric_date,
    cast(evaluated.window_days as {{ dbt.type_bigint() }}) as window_days,
    evaluated.model_name,
    evaluated.model_version,
    evaluated.feature,
    evaluated.feature_type,
    windows.reference_version,
    windows.reference_start_date,
    windows.reference_end_date,
    evaluated.reference_count,
    evaluated.prediction_count,
    evaluated.cell_count,
    evaluated.reference_missing_share,
    evaluated.missing_share,
    evaluated.psi,
    evaluated.psi_if_unchanged,
    evaluated.jensen_shannon_distance,
    evaluated.loss_correlation,
    cast(
        row_number() over (
            partition by
                evaluated.metric_date,
                evaluated.window_days,
                evaluated.model_name,
                evaluated.model_version
            order by
                evaluated.has_moved desc,
                evaluated.moves_with_loss desc,
                evaluated.psi - evaluated.psi_if_unchanged desc,
                evaluated.feature asc
        ) as {{ dbt.type_bigint() }}
    ) as drift_rank
from evaluated
inner join windows
    on {{ log_loss.same_columns(window_key, 'evaluated', 'windows') }}
