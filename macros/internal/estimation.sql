{#
    How the estimates of the loss to come are made: `horizon_days` after a day its loss
    counts as realised; `triangle_days` of reports tell how fast labels come;
    `reference_days` of realised losses recalibrate the label-free one; errors are
    remembered for `error_days`; `windows` are the lengths, in days, that estimates are
    made for. `computed_days` are those shown, those whose errors they remember, and those
    whose errors decided what was chosen then: what a row says does not depend on how long
    ago it was made.
#}
{% macro estimation() %}
    {% set estimate = log_loss.configuration().estimate %}
    {% set horizon_days = estimate.horizon_days %}
    {% set error_days = 84 %}
    {% set computed_days = estimate.history_days + 2 * (horizon_days + error_days) %}
    {{ return({
        'horizon_days': horizon_days, 'history_days': estimate.history_days,
        'computed_days': computed_days, 'error_days': error_days,
        'least_error_days': 28, 'least_error_weeks': 10,
        'triangle_days': 98, 'reference_days': 56, 'windows': [1, 7],
        'span_days': computed_days + 4 * horizon_days + 98 + 7,
    }) }}
{% endmacro %}


{# What an estimate is of: a window of days of a version, as known on a date. #}
{% macro estimate_keys() %}
    {{ return([
        'metric_date', 'window_days', 'model_name', 'model_version', 'age_days', 'as_of_date'
    ]) }}
{% endmacro %}


{#
    What was known, on the day of each estimate, of the errors of earlier ones at the same
    age: the root of their mean squared relative error over the last 84 days that were
    realised, each by its predictions, and on how many of them it rests.

    Emits CTEs, the last of which is `name`: `estimates` with `past_error` and
    `past_date_count`. Versions of a model are taken together, each
    by its predictions, days of different weekdays only where `weekday` is 0.

    estimates: a CTE with the keys, `as_of_date`, `prediction_count` and `relative_error`,
    which is null where the loss is not realised.
#}
{% macro with_past_errors(estimates, name) -%}
{%- set estimation = log_loss.estimation() -%}
{%- set keys = ['model_name', 'window_days', 'age_days', 'weekday', 'estimator'] -%}
{%- set history -%}
partition by
                calendar.{{ keys | join(', calendar.') }}
            order by calendar.realised_date
{%- endset -%}
{{ name }}_error_days as (

    select
        metric_date,
        {{ keys | join(', ') }},
        sum(prediction_count) as prediction_count,
        sum(prediction_count * relative_error * relative_error) as squared_error
    from {{ estimates }}
    where relative_error is not null
    group by
        metric_date,
        {{ keys | join(', ') }}

),

-- every day of the calendar, so that so many rows are so many days
{{ name }}_error_calendar as (

    select
        series.*,
        {{ log_loss.add_days(
            'clock.last_whole_date', '-(' ~ estimation.horizon_days
            ~ ' + 25 * tens.number + ones.number)'
        ) }} as realised_date
    from (
        select distinct {{ keys | join(', ') }} from {{ name }}_error_days
    ) as series
    cross join {{ ref('int_log_loss__clock') }} as clock
    cross join ({{ log_loss.whole_numbers(0, 24) }}) as ones
    cross join (
        {{ log_loss.whole_numbers(0, (estimation.computed_days / 25) | int) }}
    ) as tens

),

{{ name }}_error_history as (

    select
        {% for key in keys -%}
        calendar.{{ key }},
        {% endfor -%}
        calendar.realised_date,
        {% for sum in ['squared_error', 'prediction_count'] -%}
        sum(days.{{ sum }}) over (
            {{ history }}
            rows between {{ estimation.error_days - 1 }} preceding and current row
        ) as {{ sum }},
        {% endfor -%}
        count(days.squared_error) over (
            {{ history }}
            rows between {{ estimation.error_days - 1 }} preceding and current row
        ) as date_count
    from {{ name }}_error_calendar as calendar
    left join {{ name }}_error_days as days
        on
            {{ log_loss.same_columns(keys, 'calendar', 'days') }}
            and calendar.realised_date = days.metric_date

),

{{ name }} as (

    select
        {{ estimates }}.*,
        sqrt({{ log_loss.safe_divide(
            'history.squared_error', 'history.prediction_count'
        ) }}) as past_error,
        coalesce(history.date_count, 0) as past_date_count
    from {{ estimates }}
    left join {{ name }}_error_history as history
        on
            {{ log_loss.same_columns(keys, estimates, 'history') }}
            and {{ log_loss.add_days(
                estimates ~ '.as_of_date', -estimation.horizon_days
            ) }} = history.realised_date

)
{%- endmacro %}


{#
    The loss at the horizon by chain ladder: the labels and losses of each class and day
    are divided by the completeness of the class at that age, and added up, so that each
    class counts for what of it is still to come. Source: the chain ladder of claims
    reserving (Mack 1993), one for each class; int_log_loss__completeness has it.

    With N the expected labels of a class, p its share of them, m its mean loss, s the
    standard deviation of its losses, e the estimate and g the completeness on each day
    d: `standard_error^2 = sum over the classes of p^2 s^2 c + p^2 (m - e)^2 (c + v)`,
    where `c = sum over d of N_d |1 - g_d| / g_d / N^2` and v the development variance
    of the ladder; `day_error^2 = sum over the classes of p^2 (m - e)^2 sum over d of
    N_d^2 w_d / N^2`, with w the day variance of the ladder: what else some days report
    faster than others, classes taken as independent.

    Emits CTEs, the last of which is `completeness_weighted`: one row per estimate that
    has a ladder, with `estimate`, `standard_error` and `day_error` in nats, whether or
    not it is refused; `reason`, why it is; `rarest_labeled_count`, the labels of the
    rarest class that was ever heard of in 98 days, 0 where that is one class alone.

    estimate_days: a CTE with the keys of the estimates, `member_date` and `member_age`.
#}
{% macro completeness_weighted(estimate_days) -%}
{%- set horizon_days = log_loss.estimation().horizon_days -%}
{%- set keys = log_loss.estimate_keys() -%}
{%- set window = 'partition by ' ~ keys | join(', ') -%}
completeness as (

    select * from {{ ref('int_log_loss__completeness') }}

),

ladders as (

    select distinct
        model_name,
        as_of_date,
        label,
        is_weekly,
        late_share
    from completeness

),

-- a class of which nothing has come yet has its ladder all the same
class_days as (

    select
        estimate_days.*,
        ladders.label,
        ladders.is_weekly,
        ladders.late_share,
        case
            when ladders.is_weekly = 1
            then {{ log_loss.iso_weekday('estimate_days.member_date') }}
            else 0
        end as ladder_weekday
    from {{ estimate_days }} as estimate_days
    inner join ladders
        on
            estimate_days.model_name = ladders.model_name
            and estimate_days.as_of_date = ladders.as_of_date

),

class_cells as (

    select
        class_days.*,
        coalesce(states_by_age.labeled_count, 0) as labeled_count,
        coalesce(states_by_age.loss_sum, 0) as loss_sum,
        coalesce(states_by_age.loss_squared_sum, 0) as loss_squared_sum,
        {% for column, at_horizon in [
            ('completeness', 1), ('development_variance', 0), ('day_variance', 0)
        ] -%}
        case
            when class_days.member_age = {{ horizon_days }}
            then {{ log_loss.double(at_horizon) }}
            else completeness.{{ column }}
        end as {{ column }},
        {% endfor -%}
        completeness.least_labeled_count,
        completeness.complete_date_count
    from class_days
    left join {{ ref('int_log_loss__states_by_age') }} as states_by_age
        on
            class_days.member_date = states_by_age.metric_date
            and class_days.model_name = states_by_age.model_name
            and class_days.model_version = states_by_age.model_version
            and class_days.member_age = states_by_age.age_days
            and class_days.label = states_by_age.label
            and states_by_age.cohort_name = 'all'
    left join completeness
        on
            class_days.model_name = completeness.model_name
            and class_days.as_of_date = completeness.as_of_date
            and class_days.label = completeness.label
            and class_days.ladder_weekday = completeness.weekday
            and class_days.member_age = completeness.age_days

),

expected_cells as (

    select
        *,
        {{ log_loss.safe_divide('labeled_count', 'completeness') }} as expected_count,
        {{ log_loss.safe_divide('loss_sum', 'completeness') }} as expected_loss_sum
    from class_cells

),

class_sums as (

    select
        {{ keys | join(', ') }},
        label,
        max(is_weekly) as is_weekly,
        max(late_share) as late_share,
        sum(labeled_count) as labeled_count,
        sum(loss_sum) as loss_sum,
        sum(loss_squared_sum) as loss_squared_sum,
        sum(expected_count) as expected_count,
        sum(expected_loss_sum) as expected_loss_sum,
        -- of labels that come, or are withdrawn, one by one
        sum(expected_count * abs(1 - completeness) / nullif(completeness, 0))
            as chance_sum,
        sum(expected_count * expected_count * day_variance) as day_sum,
        max(development_variance) as development_variance,
        min(completeness) as least_completeness,
        min(least_labeled_count) as least_labeled_count,
        min(complete_date_count) as complete_date_count,
        -- a day without a ladder leaves the sums short
        sum(case when completeness > 0 then 0 else 1 end) as unknown_count
    from expected_cells
    group by
        {{ keys | join(', ') }},
        label

),

class_means as (

    select
        *,
        {{ log_loss.safe_divide('expected_loss_sum', 'expected_count') }} as mean_loss,
        {{ log_loss.sample_stddev(
            'loss_sum', 'loss_squared_sum', 'labeled_count'
        ) }} as loss_stddev,
        chance_sum / nullif(expected_count * expected_count, 0) as chance_variance,
        day_sum / nullif(expected_count * expected_count, 0) as day_variance,
        sum(expected_loss_sum) over ({{ window }})
        / nullif(sum(expected_count) over ({{ window }}), 0) as estimate,
        {{ log_loss.safe_divide(
            'expected_count', 'sum(expected_count) over (' ~ window ~ ')'
        ) }} as class_share
    from class_sums

),

class_effects as (

    select
        *,
        class_share * class_share * (mean_loss - estimate) * (mean_loss - estimate)
            as share_effect,
        class_share * class_share * loss_stddev * loss_stddev as loss_effect
    from class_means

),

completeness_weighted as (

    select
        {{ keys | join(', ') }},
        max(estimate) as estimate,
        sqrt(sum(
            loss_effect * chance_variance
            + share_effect * (chance_variance + development_variance)
        )) as standard_error,
        sqrt(sum(share_effect * day_variance)) as day_error,
        -- a class that nobody has heard of yet may be there all the same
        cast(
            case when count(*) < 2 then 0 else min(labeled_count) end
            as {{ dbt.type_bigint() }}
        ) as rarest_labeled_count,
        case
            when
                min(complete_date_count) is null
                or min(complete_date_count)
                < case when max(is_weekly) = 1 then 12 else 28 end
            then 'too_few_dates'
            when count(*) < 2 or min(labeled_count) < 10 then 'too_few_labels'
            when
                min(least_labeled_count) < 100 or max(unknown_count) > 0
            then 'too_few_reports'
            when max(late_share) > {{ log_loss.double(0.05) }} then 'short_horizon'
            when min(least_completeness) < {{ log_loss.double(0.05) }}
            then 'too_incomplete'
        end as reason
    from class_effects
    group by {{ keys | join(', ') }}

)
{%- endmacro %}


{#
    The loss where each value of `log_loss_stratum` counts for all of its predictions,
    labeled or not: `sum of W m`, with the variance `sum of W^2 s^2 / n (1 - n / N)`.
    Source: the mean of a stratified sample of a finite population (Cochran 1977).
    Strata with fewer than 10 labels are taken together, and by the mean of all where
    that is below 10 as well.

    Emits CTEs, the last of which is `post_stratified`: one row per estimate, none
    without a stratum, with `estimate`, in nats, whether or not it is refused, null
    without a label, and `standard_error`.

    estimate_days: a CTE with the keys of the estimates, `member_date` and `member_age`.
    windows: a CTE with the keys, the two counts, `mean_loss` and `loss_stddev`.
#}
{% macro post_stratified(estimate_days, windows) -%}
{%- set keys = log_loss.estimate_keys() -%}
{%- set sums = [
    'prediction_count', 'labeled_count', 'loss_sum', 'loss_squared_sum'
] -%}
strata as (

    select
        {% for key in keys -%}
        estimate_days.{{ key }},
        {% endfor -%}
        states_by_age.cohort_value,
        {% for sum in sums -%}
        sum(states_by_age.{{ sum }}) as {{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ estimate_days }} as estimate_days
    inner join {{ ref('int_log_loss__states_by_age') }} as states_by_age
        on
            estimate_days.member_date = states_by_age.metric_date
            and estimate_days.model_name = states_by_age.model_name
            and estimate_days.model_version = states_by_age.model_version
            and estimate_days.member_age = states_by_age.age_days
    where states_by_age.cohort_name <> 'all'
    group by
        {% for key in keys -%}
        estimate_days.{{ key }},
        {% endfor -%}
        states_by_age.cohort_value

),

collapsed_strata as (

    select
        {{ keys | join(', ') }},
        case when labeled_count < 10 then '(small)' else '=' || cohort_value end
            as stratum,
        {% for sum in sums -%}
        sum({{ sum }}) as {{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from strata
    group by
        {{ keys | join(', ') }},
        case when labeled_count < 10 then '(small)' else '=' || cohort_value end

),

strata_means as (

    select
        {% for key in keys -%}
        collapsed_strata.{{ key }},
        {% endfor -%}
        {{ log_loss.safe_divide(
            'collapsed_strata.prediction_count', 'windows.prediction_count'
        ) }} as weight,
        case
            when collapsed_strata.labeled_count < 10 then windows.mean_loss
            else {{ log_loss.safe_divide(
                'collapsed_strata.loss_sum', 'collapsed_strata.labeled_count'
            ) }}
        end as mean_loss,
        case
            when collapsed_strata.labeled_count < 10 then windows.loss_stddev
            else {{ log_loss.sample_stddev(
                'collapsed_strata.loss_sum', 'collapsed_strata.loss_squared_sum',
                'collapsed_strata.labeled_count'
            ) }}
        end as loss_stddev,
        {% for sum in ['labeled_count', 'prediction_count'] -%}
        case
            when collapsed_strata.labeled_count < 10 then windows.{{ sum }}
            else collapsed_strata.{{ sum }}
        end as {{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from collapsed_strata
    inner join {{ windows }} as windows
        on {{ log_loss.same_columns(keys, 'collapsed_strata', 'windows') }}

),

post_stratified as (

    select
        {{ keys | join(', ') }},
        sum(weight * mean_loss) as estimate,
        sqrt(sum(
            weight * weight * loss_stddev * loss_stddev / nullif(labeled_count, 0)
            * case
                when labeled_count < prediction_count
                then 1 - {{ log_loss.safe_divide('labeled_count', 'prediction_count') }}
                else {{ log_loss.double(0) }}
            end
        )) as standard_error
    from strata_means
    group by {{ keys | join(', ') }}

)
{%- endmacro %}


{#
    What the scores promise, as known on the date of each estimate: the entropies of the
    predicted distributions, which are the losses to expect of calibrated scores, and
    the mean losses that scores like them, those of one score bin, have had on the
    reference days, the 56 before the last realised one.

    Emits CTEs, the last of which is `label_free`: one row per estimate with the sums
    over its days: `prediction_count`, `entropy_sum`, `entropy_variance_sum`;
    `covered_count`, predictions in score bins that had labels on the reference days;
    `recalibrated_loss_sum`, over these, null where there is none; `reference_days`, how
    many there were, 0 for none.

    estimate_days: a CTE with the keys of the estimates and `member_date`.
#}
{% macro label_free(estimate_days) -%}
{%- set estimation = log_loss.estimation() -%}
{%- set horizon_days = estimation.horizon_days -%}
{%- set keys = log_loss.estimate_keys() -%}
{%- set version = ['model_name', 'model_version'] -%}
entries as (

    {{ log_loss.ledger_rows(['overall', 'score_bin']) }}

),

reference_clock as (

    select
        {{ log_loss.add_days(
            'last_whole_date',
            -(estimation.computed_days + horizon_days + estimation.reference_days)
        ) }} as first_date
    from {{ ref('int_log_loss__clock') }}

),

evaluations as (

    select distinct
        member_date as metric_date,
        {{ version | join(', ') }},
        as_of_date
    from {{ estimate_days }}

),

reference_ends as (

    select distinct
        {{ version | join(', ') }},
        as_of_date,
        {{ log_loss.add_days('as_of_date', -horizon_days) }} as reference_end_date,
        {{ log_loss.add_days(
            'as_of_date', -(horizon_days + estimation.reference_days)
        ) }} as before_reference_date
    from evaluations

),

realised_bins as (

    select
        entries.metric_date,
        {{ log_loss.scope_columns('entries')[:2] | join(', ') }},
        entries.bin,
        sum(entries.entry_count) as labeled_count,
        sum(entries.loss_sum) as loss_sum
    from entries
    inner join reference_clock on entries.metric_date > reference_clock.first_date
    where
        entries.grain = 'score_bin'
        and entries.entry_type <> 'prediction'
        and entries.recorded_date
        <= {{ log_loss.add_days('entries.metric_date', horizon_days) }}
    group by
        entries.metric_date,
        {{ log_loss.scope_columns('entries')[:2] | join(', ') }},
        entries.bin

),

realised_days as (

    select
        metric_date,
        {{ version | join(', ') }}
    from realised_bins
    group by
        metric_date,
        {{ version | join(', ') }}
    having sum(labeled_count) > 0

),

reference_days as (

    select
        {{ log_loss.scope_columns('reference_ends')[:2] | join(', ') }},
        reference_ends.as_of_date,
        count(*) as day_count
    from reference_ends
    inner join realised_days
        on
            {{ log_loss.same_columns(version, 'reference_ends', 'realised_days') }}
            and reference_ends.reference_end_date >= realised_days.metric_date
            and reference_ends.before_reference_date < realised_days.metric_date
    group by
        {{ log_loss.scope_columns('reference_ends')[:2] | join(', ') }},
        reference_ends.as_of_date

),

reference_bins as (

    select
        {{ log_loss.scope_columns('reference_ends')[:2] | join(', ') }},
        reference_ends.as_of_date,
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
            and reference_ends.as_of_date = reference_days.as_of_date
    group by
        {{ log_loss.scope_columns('reference_ends')[:2] | join(', ') }},
        reference_ends.as_of_date,
        realised_bins.bin

),

references_of_bins as (

    select
        {{ version | join(', ') }},
        as_of_date,
        bin,
        {{ log_loss.safe_divide('loss_sum', 'labeled_count') }} as mean_loss,
        reference_days
    from reference_bins
    where labeled_count > 0

),

predictions as (

    select
        metric_date,
        {{ version | join(', ') }},
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
        {{ version | join(', ') }},
        grain,
        bin,
        recorded_date

),

raw_sums as (

    select
        evaluations.metric_date,
        {{ log_loss.scope_columns('evaluations')[:2] | join(', ') }},
        evaluations.as_of_date,
        sum(predictions.prediction_count) as prediction_count,
        sum(predictions.entropy_sum) as entropy_sum,
        sum(predictions.entropy_variance_sum) as entropy_variance_sum
    from evaluations
    inner join predictions
        on
            evaluations.metric_date = predictions.metric_date
            and {{ log_loss.same_columns(version, 'evaluations', 'predictions') }}
            and predictions.grain = 'overall'
            and evaluations.as_of_date >= predictions.recorded_date
    group by
        evaluations.metric_date,
        {{ log_loss.scope_columns('evaluations')[:2] | join(', ') }},
        evaluations.as_of_date

),

recalibrated_sums as (

    select
        evaluations.metric_date,
        {{ log_loss.scope_columns('evaluations')[:2] | join(', ') }},
        evaluations.as_of_date,
        sum(predictions.prediction_count) as covered_count,
        sum(predictions.prediction_count * references_of_bins.mean_loss) as loss_sum,
        max(references_of_bins.reference_days) as reference_days
    from evaluations
    inner join predictions
        on
            evaluations.metric_date = predictions.metric_date
            and {{ log_loss.same_columns(version, 'evaluations', 'predictions') }}
            and predictions.grain = 'score_bin'
            and evaluations.as_of_date >= predictions.recorded_date
    inner join references_of_bins
        on
            {{ log_loss.same_columns(version, 'evaluations', 'references_of_bins') }}
            and evaluations.as_of_date = references_of_bins.as_of_date
            and predictions.bin = references_of_bins.bin
    group by
        evaluations.metric_date,
        {{ log_loss.scope_columns('evaluations')[:2] | join(', ') }},
        evaluations.as_of_date

),

label_free_sums as (

    select
        raw_sums.metric_date,
        {{ log_loss.scope_columns('raw_sums')[:2] | join(', ') }},
        raw_sums.as_of_date,
        raw_sums.prediction_count,
        raw_sums.entropy_sum,
        raw_sums.entropy_variance_sum,
        coalesce(recalibrated_sums.covered_count, 0) as covered_count,
        recalibrated_sums.loss_sum as recalibrated_loss_sum,
        coalesce(recalibrated_sums.reference_days, 0) as reference_days
    from raw_sums
    left join recalibrated_sums
        on
            raw_sums.metric_date = recalibrated_sums.metric_date
            and {{ log_loss.same_columns(version, 'raw_sums', 'recalibrated_sums') }}
            and raw_sums.as_of_date = recalibrated_sums.as_of_date

),

label_free as (

    select
        {% for key in keys -%}
        estimate_days.{{ key }},
        {% endfor -%}
        sum(sums.prediction_count) as prediction_count,
        sum(sums.covered_count) as covered_count,
        sum(sums.entropy_sum) as entropy_sum,
        sum(sums.entropy_variance_sum) as entropy_variance_sum,
        sum(sums.recalibrated_loss_sum) as recalibrated_loss_sum,
        min(sums.reference_days) as reference_days
    from {{ estimate_days }} as estimate_days
    inner join label_free_sums as sums
        on
            estimate_days.member_date = sums.metric_date
            and estimate_days.model_name = sums.model_name
            and estimate_days.model_version = sums.model_version
            and estimate_days.as_of_date = sums.as_of_date
    group by
        {% for key in keys -%}
        estimate_days.{{ key }}{{ ',' if not loop.last }}
        {% endfor %}

)
{%- endmacro %}
