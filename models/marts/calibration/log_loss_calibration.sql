{%- set scope = ['metric_date', 'window_days'] + log_loss.scope_columns() -%}
{%- set fit = ['metric_date', 'window_days', 'model_name', 'model_version'] -%}
{%- set steps = 9 -%}
{%- set sums = [
    'loss_sum', 'loss_squared_sum', 'event_loss_sum', 'brier_sum', 'entropy_sum',
    'entropy_variance_sum',
] -%}
-- Whether the scores mean what they say: tests, the decomposition of the loss, and the
-- recalibration that would help.
with

label_sums as (

    select
        metric_date,
        {{ log_loss.scope_columns() | join(', ') }},
        {% for sum in sums -%}
        sum({{ sum }}) as {{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_log_loss__label_sums') }}
    where labeled_count > 0
    group by
        metric_date,
        {{ log_loss.scope_columns() | join(', ') }}

),

days as (

    select
        daily_sums.metric_date,
        {{ log_loss.scope_columns('daily_sums') | join(', ') }},
        daily_sums.prediction_count,
        {% for sum in sums -%}
        label_sums.{{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_log_loss__daily_sums') }} as daily_sums
    left join label_sums
        on
            daily_sums.metric_date = label_sums.metric_date
            and {{ log_loss.same_scope('daily_sums', 'label_sums') }}

),

bins as (

    select
        *,
        score_sum / labeled_count as mean_score,
        {{ log_loss.safe_divide('event_count', 'labeled_count') }} as event_share
    from {{ ref('int_log_loss__reliability_bins') }}

),

bin_terms as (

    select
        *,
        labeled_count * abs(mean_score - event_share) as gap_sum,
        labeled_count * {{ log_loss.binary_cross_entropy(
            'event_share', 'mean_score'
        ) }} as cross_entropy_sum,
        labeled_count * {{ log_loss.binary_cross_entropy(
            'event_share', 'event_share'
        ) }} as bin_entropy_sum
    from bins

),

bin_sums as (

    select
        {{ scope | join(', ') }},
        sum(case when binning = 'uniform' then labeled_count end) as labeled_count,
        sum(case when binning = 'uniform' then event_count end) as event_count,
        sum(case when binning = 'uniform' then score_sum end) as score_sum,
        sum(case when binning = 'uniform' then score_variance_sum end)
            as score_variance_sum,
        sum(case when binning = 'uniform' then squared_error_sum end)
            as squared_error_sum,
        sum(case when binning = 'uniform' then 1 end) as uniform_bin_count,
        sum(case when binning = 'uniform' then cross_entropy_sum end)
            as cross_entropy_sum,
        sum(case when binning = 'uniform' then bin_entropy_sum end) as bin_entropy_sum,
        {% for binning in ['uniform', 'equal_mass'] -%}
        sum(case when binning = '{{ binning }}' then gap_sum end)
            as {{ binning }}_gap_sum,
        max(case when binning = '{{ binning }}' then abs(mean_score - event_share) end)
            as {{ binning }}_largest_gap,
        sum(
            case
                when binning = '{{ binning }}'
                then sqrt(
                    {{ log_loss.double(0.6366197723675814) }} * score_variance_sum
                )
            end
        ) as {{ binning }}_expected_gap_sum{{ ',' if not loop.last }}
        {% endfor %}
    from bin_terms
    group by {{ scope | join(', ') }}

),

spans as (

    select
        {{ scope | join(', ') }},
        {{ log_loss.add_days('metric_date', '1 - window_days') }} as start_date
    from bin_sums

),

outcomes as (

    select
        spans.metric_date,
        spans.window_days,
        {{ log_loss.scope_columns('spans') | join(', ') }},
        sum(days.prediction_count) as prediction_count,
        {% for sum in sums -%}
        sum(days.{{ sum }}) as {{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from spans
    inner join days
        on
            {{ log_loss.same_scope('spans', 'days') }}
            and spans.start_date <= days.metric_date
            and spans.metric_date >= days.metric_date
    group by
        spans.metric_date,
        spans.window_days,
        {{ log_loss.scope_columns('spans') | join(', ') }}

),

window_sums as (

    select
        bin_sums.*,
        outcomes.prediction_count,
        {% for sum in sums -%}
        outcomes.{{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from bin_sums
    inner join outcomes
        on {{ log_loss.same_columns(scope, 'bin_sums', 'outcomes') }}

),

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
        ) }}, 0) as loss_variance,
        nullif({{ log_loss.variance_if_calibrated(
            'score_variance_sum', 'squared_error_sum'
        ) }}, 0) as event_variance,
        {{ log_loss.safe_divide('event_count', 'labeled_count') }} as event_share,
        event_loss_sum / labeled_count as mean_event_log_loss,
        cross_entropy_sum / labeled_count as mean_cross_entropy,
        bin_entropy_sum / labeled_count as mean_bin_entropy
    from window_sums

),

decomposed as (

    select
        *,
        {{ log_loss.binary_cross_entropy('event_share', 'event_share') }}
            as uncertainty
    from windows

),

-- the logistic recalibration (Platt 1999) that would have served each window best -----

scored_outcomes as (

    select
        *,
        event_loss_sum / row_count as mean_loss
    from {{ ref('int_log_loss__calibration_windows') }}
    where cohort_name = 'all'

),

-- 1 - exp(-x) loses what is small of it
complements as (

    select
        *,
        case
            when mean_loss < {{ log_loss.least_loss() }}
            then {{ log_loss.least_loss() }}
            when mean_loss < {{ log_loss.double('1e-6') }}
            then mean_loss - mean_loss * mean_loss / 2
            else 1 - exp(-mean_loss)
        end as complement
    from scored_outcomes

),

-- rows of one bin and one outcome share, nearly, a score; their mean loss says which
score_cells as (

    select
        {{ fit | join(', ') }},
        is_event,
        row_count,
        case
            when is_event = 1 then -mean_loss - ln(complement)
            else ln(complement) + mean_loss
        end as logit
    from complements

),

{{ log_loss.recalibration_steps('score_cells', fit, steps) }},

fit_counts as (

    select
        {{ fit | join(', ') }},
        sum(row_count) as row_count,
        min(case when is_event = 1 then logit end) as lowest_of_events,
        max(case when is_event = 1 then logit end) as highest_of_events,
        min(case when is_event = 0 then logit end) as lowest_of_others,
        max(case when is_event = 0 then logit end) as highest_of_others
    from score_cells
    group by {{ fit | join(', ') }}

),

-- No fit where one outcome is missing, where the scores tell the outcomes apart, in
-- which case the steeper the better, where they are all alike, or where the last step
-- was not yet a small one. Fitted to the rows it is measured on: an upper bound of what
-- it would help on others.
recalibrations as (

    select
        {% for key in fit -%}
        fit_counts.{{ key }},
        {% endfor -%}
        last_step.best_intercept as intercept,
        last_step.best_slope as slope,
        case
            when last_step.best_loss < last_step.first_loss
            then (last_step.first_loss - last_step.best_loss) / fit_counts.row_count
            else {{ log_loss.double(0) }}
        end as gain
    from fit_counts
    inner join step_{{ steps - 1 }} as last_step
        on {{ log_loss.same_columns(fit, 'fit_counts', 'last_step') }}
    where
        fit_counts.lowest_of_events < fit_counts.highest_of_others
        and fit_counts.lowest_of_others < fit_counts.highest_of_events
        and abs(last_step.intercept_step) <= 1e-6 * (1 + abs(last_step.best_intercept))
        and abs(last_step.slope_step) <= 1e-6 * (1 + abs(last_step.best_slope))

)

select
    decomposed.metric_date,
    cast(decomposed.window_days as {{ dbt.type_bigint() }}) as window_days,
    {{ log_loss.scope_columns('decomposed') | join(', ') }},
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
        {{ log_loss.same_columns(fit, 'decomposed', 'recalibrations') }}
        and decomposed.cohort_name = 'all'
where decomposed.cohort_name = 'all' or decomposed.is_testable = 1
