with

windows as (

    select
        *,
        case
            when {{ log_loss.is_calibration_testable(
                'score_variance_sum', 'squared_error_sum'
            ) }}
            then 1
            else 0
        end as is_testable,
        -- 0 is no variance: then nothing was observed either
        nullif({{ log_loss.variance_if_calibrated(
            'entropy_variance_sum', 'loss_squared_sum'
        ) | indent(8) }}, 0) as loss_variance,
        nullif({{ log_loss.variance_if_calibrated(
            'score_variance_sum', 'squared_error_sum'
        ) | indent(8) }}, 0) as event_variance,
        {{ log_loss.safe_divide('event_count', 'labeled_count') }} as event_share,
        event_loss_sum / labeled_count as mean_event_log_loss,
        cross_entropy_sum / labeled_count as mean_cross_entropy,
        bin_entropy_sum / labeled_count as mean_bin_entropy
    from {{ ref('int_log_loss__calibration') }}

),

decomposed as (

    select
        *,
        {{ log_loss.binary_cross_entropy('event_share', 'event_share') | indent(8) }}
            as uncertainty
    from windows

),

recalibrations as (

    select * from {{ ref('int_log_loss__recalibrations') }}

)

select
    decomposed.metric_date,
    cast(decomposed.window_days as {{ dbt.type_bigint() }}) as window_days,
    {{ log_loss.scope_columns('decomposed') | join(',\n    ') }},
    cast(decomposed.prediction_count as {{ dbt.type_bigint() }}) as prediction_count,
    cast(decomposed.labeled_count as {{ dbt.type_bigint() }}) as labeled_count,
    {{ log_loss.safe_divide(
        'decomposed.labeled_count', 'decomposed.prediction_count'
    ) }} as label_coverage,
    {{ log_loss.days_between('decomposed.metric_date', 'clock.as_of_date') }}
    >= {{ log_loss.configuration().mature_days }} as is_mature,
    decomposed.score_sum / decomposed.labeled_count as mean_score,
    decomposed.event_share,
    decomposed.loss_sum / decomposed.labeled_count as mean_log_loss,
    decomposed.entropy_sum / decomposed.labeled_count as expected_log_loss,
    case
        when decomposed.is_testable = 1
        then
            (decomposed.loss_sum - decomposed.entropy_sum)
            / sqrt(decomposed.loss_variance)
    end as calibration_z,
    case
        when decomposed.is_testable = 1
        then
            (decomposed.event_count - decomposed.score_sum)
            / sqrt(decomposed.event_variance)
    end as shift_z,
    {% for binning, name in [
        ('uniform', 'ece'), ('equal_mass', 'ece_equal_mass')
    ] -%}
    decomposed.{{ binning }}_gap_sum / decomposed.labeled_count as {{ name }},
    decomposed.{{ binning }}_expected_gap_sum / decomposed.labeled_count
        as {{ name }}_if_calibrated,
    {% endfor -%}
    decomposed.uniform_largest_gap as max_calibration_error,
    decomposed.equal_mass_largest_gap as max_calibration_error_equal_mass,
    decomposed.brier_sum / decomposed.labeled_count as mean_brier,
    decomposed.mean_event_log_loss,
    decomposed.uncertainty,
    decomposed.uncertainty - decomposed.mean_bin_entropy as resolution,
    decomposed.mean_cross_entropy - decomposed.mean_bin_entropy as reliability,
    {{ log_loss.safe_divide(
        'decomposed.uniform_bin_count', '2 * decomposed.labeled_count'
    ) }} as reliability_if_calibrated,
    decomposed.mean_event_log_loss - decomposed.mean_cross_entropy as residual,
    recalibrations.intercept as recalibration_intercept,
    recalibrations.slope as recalibration_slope,
    recalibrations.gain as recalibration_gain,
    case
        when recalibrations.gain is not null
        then {{ log_loss.safe_divide('1', 'decomposed.labeled_count') }}
    end as recalibration_gain_if_calibrated
from decomposed
cross join {{ ref('int_log_loss__clock') }} as clock
left join recalibrations
    on
        decomposed.metric_date = recalibrations.metric_date
        and decomposed.window_days = recalibrations.window_days
        and decomposed.model_name = recalibrations.model_name
        and decomposed.model_version = recalibrations.model_version
        and decomposed.cohort_name = 'all'
where decomposed.cohort_name = 'all' or decomposed.is_testable = 1
