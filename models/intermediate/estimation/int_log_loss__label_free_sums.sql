{%- set estimation = log_loss.estimation() -%}
{%- set horizon_days = estimation.horizon_days -%}
{%- set version = ['model_name', 'model_version'] -%}
-- What each day's scores promise, as known on each later date: the entropies, and the
-- losses that scores like them have had on days that were realised by then.
with

entries as (

    {{ log_loss.rollup_rows(['overall', 'score_bin']) }}

),

clock as (

    select
        last_whole_date,
        {{ log_loss.add_days('last_whole_date', -estimation.computed_days) }}
            as first_date,
        {{ log_loss.add_days(
            'last_whole_date',
            -(estimation.computed_days + horizon_days + estimation.reference_days)
        ) }} as first_reference_date
    from {{ ref('int_log_loss__clock') }}

),

ages as (

    {{ log_loss.whole_numbers(0, horizon_days - 1 + estimation.windows | max - 1) }}

),

days as (

    select distinct
        metric_date,
        {{ version | join(',\n        ') }}
    from entries
    where entry_type = 'prediction'

),

looks as (

    select
        days.metric_date,
        {{ log_loss.scope_columns('days')[:2] | join(',\n        ') }},
        {{ log_loss.add_days('days.metric_date', 'ages.number') }} as known_on
    from days
    cross join ages

),

dated_looks as (

    select
        looks.*,
        {{ log_loss.add_days('looks.known_on', -horizon_days) }} as reference_end_date,
        {{ log_loss.add_days(
            'looks.known_on', -(horizon_days + estimation.reference_days)
        ) }} as before_reference_date
    from looks
    inner join clock
        on
            looks.known_on > clock.first_date
            and looks.known_on <= clock.last_whole_date

),

realised_bins as (

    select
        entries.metric_date,
        {{ log_loss.scope_columns('entries')[:2] | join(',\n        ') }},
        entries.bin,
        sum(entries.entry_count) as labeled_count,
        sum(entries.loss_sum) as loss_sum
    from entries
    inner join clock on entries.metric_date > clock.first_reference_date
    where
        entries.grain = 'score_bin'
        and entries.entry_type <> 'prediction'
        and entries.recorded_date
        <= {{ log_loss.add_days('entries.metric_date', horizon_days) }}
    group by
        entries.metric_date,
        {{ log_loss.scope_columns('entries')[:2] | join(',\n        ') }},
        entries.bin

),

reference_ends as (

    select distinct
        {{ version | join(',\n        ') }},
        known_on,
        reference_end_date,
        before_reference_date
    from dated_looks

),

realised_days as (

    select
        metric_date,
        {{ version | join(',\n        ') }}
    from realised_bins
    group by
        metric_date,
        {{ version | join(',\n        ') }}
    having sum(labeled_count) > 0

),

reference_days as (

    select
        {{ log_loss.scope_columns('reference_ends')[:2] | join(',\n        ') }},
        reference_ends.known_on,
        count(*) as day_count
    from reference_ends
    inner join realised_days
        on
            {{ log_loss.same_columns(version, 'reference_ends', 'realised_days') }}
            and reference_ends.reference_end_date >= realised_days.metric_date
            and reference_ends.before_reference_date < realised_days.metric_date
    group by
        {{ log_loss.scope_columns('reference_ends')[:2] | join(',\n        ') }},
        reference_ends.known_on

),

reference_bins as (

    select
        {{ log_loss.scope_columns('reference_ends')[:2] | join(',\n        ') }},
        reference_ends.known_on,
        realised_bins.bin,
        sum(realised_bins.labeled_count) as labeled_count,
        sum(realised_bins.loss_sum) as loss_sum,
        max(reference_days.day_count) as reference_days
    from reference_ends
    inner join realised_bins
        on
            {{ log_loss.same_columns(version, 'reference_ends', 'realised_bins') }}
            and reference_ends.reference_end_date >= realised_bins.metric_date
            and reference_ends.before_reference_date < realised_bins.metric_date
    inner join reference_days
        on
            {{ log_loss.same_columns(version, 'reference_ends', 'reference_days') }}
            and reference_ends.known_on = reference_days.known_on
    group by
        {{ log_loss.scope_columns('reference_ends')[:2] | join(',\n        ') }},
        reference_ends.known_on,
        realised_bins.bin

),

references_of_bins as (

    select
        {{ version | join(',\n        ') }},
        known_on,
        bin,
        {{ log_loss.safe_divide('loss_sum', 'labeled_count') }} as mean_loss,
        reference_days
    from reference_bins
    where labeled_count > 0

),

predictions as (

    select
        metric_date,
        {{ version | join(',\n        ') }},
        grain,
        bin,
        recorded_date,
        sum(entry_count) as prediction_count,
        sum(entropy_sum) as entropy_sum,
        sum(entropy_variance_sum) as entropy_variance_sum
    from entries
    where entry_type = 'prediction'
    group by
        metric_date,
        {{ version | join(',\n        ') }},
        grain,
        bin,
        recorded_date

),

raw_sums as (

    select
        dated_looks.metric_date,
        {{ log_loss.scope_columns('dated_looks')[:2] | join(',\n        ') }},
        dated_looks.known_on,
        sum(predictions.prediction_count) as prediction_count,
        sum(predictions.entropy_sum) as entropy_sum,
        sum(predictions.entropy_variance_sum) as entropy_variance_sum
    from dated_looks
    inner join predictions
        on
            dated_looks.metric_date = predictions.metric_date
            and {{ log_loss.same_columns(version, 'dated_looks', 'predictions') }}
            and predictions.grain = 'overall'
            and dated_looks.known_on >= predictions.recorded_date
    group by
        dated_looks.metric_date,
        {{ log_loss.scope_columns('dated_looks')[:2] | join(',\n        ') }},
        dated_looks.known_on

),

recalibrated_sums as (

    select
        dated_looks.metric_date,
        {{ log_loss.scope_columns('dated_looks')[:2] | join(',\n        ') }},
        dated_looks.known_on,
        sum(predictions.prediction_count) as covered_count,
        sum(predictions.prediction_count * references_of_bins.mean_loss) as loss_sum,
        max(references_of_bins.reference_days) as reference_days
    from dated_looks
    inner join predictions
        on
            dated_looks.metric_date = predictions.metric_date
            and {{ log_loss.same_columns(version, 'dated_looks', 'predictions') }}
            and predictions.grain = 'score_bin'
            and dated_looks.known_on >= predictions.recorded_date
    inner join references_of_bins
        on
            {{ log_loss.same_columns(version, 'dated_looks', 'references_of_bins') }}
            and dated_looks.known_on = references_of_bins.known_on
            and predictions.bin = references_of_bins.bin
    group by
        dated_looks.metric_date,
        {{ log_loss.scope_columns('dated_looks')[:2] | join(',\n        ') }},
        dated_looks.known_on

)

select
    raw_sums.metric_date,
    {{ log_loss.scope_columns('raw_sums')[:2] | join(',\n    ') }},
    raw_sums.known_on,
    cast(raw_sums.prediction_count as {{ dbt.type_bigint() }}) as prediction_count,
    raw_sums.entropy_sum,
    raw_sums.entropy_variance_sum,
    cast(coalesce(recalibrated_sums.covered_count, 0) as {{ dbt.type_bigint() }})
        as covered_count,
    recalibrated_sums.loss_sum as recalibrated_loss_sum,
    coalesce(recalibrated_sums.reference_days, 0) as reference_days
from raw_sums
left join recalibrated_sums
    on
        raw_sums.metric_date = recalibrated_sums.metric_date
        and {{ log_loss.same_columns(version, 'raw_sums', 'recalibrated_sums') }}
        and raw_sums.known_on = recalibrated_sums.known_on
