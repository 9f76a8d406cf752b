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
        'metric_date', 'window_days', 'model_name', 'model_version', 'age_days', 'known_on'
    ]) }}
{% endmacro %}


{#
    What was known, on the day of each estimate, of the errors of earlier ones at the same
    age: the root of their mean squared relative error over the last 84 days that were
    realised, each by its predictions, and on how many of them it rests.

    Emits CTEs, the last of which is `name`: `estimates` with `past_error` and
    `past_date_count`. Versions of a model are taken together, each
    by its predictions, days of different weekdays only where `weekday` is 0.

    estimates: a CTE with the keys, `known_on`, `prediction_count` and `relative_error`,
    which is null where the loss is not realised.
#}
{% macro with_past_errors(estimates, name) -%}
{%- set estimation = log_loss.estimation() -%}
{%- set keys = ['model_name', 'window_days', 'age_days', 'weekday', 'estimator'] -%}
{%- set history -%}
partition by
                calendar.{{ keys | join(',\n                calendar.') }}
            order by calendar.realised_date
{%- endset -%}
{{ name }}_error_days as (

    select
        metric_date,
        {{ keys | join(',\n        ') }},
        sum(prediction_count) as prediction_count,
        sum(prediction_count * relative_error * relative_error) as squared_error
    from {{ estimates }}
    where relative_error is not null
    group by
        metric_date,
        {{ keys | join(',\n        ') }}

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
        {% for name in ['squared_error', 'prediction_count'] -%}
        sum(days.{{ name }}) over (
            {{ history }}
            rows between {{ estimation.error_days - 1 }} preceding and current row
        ) as {{ name }},
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
                estimates ~ '.known_on', -estimation.horizon_days
            ) }} = history.realised_date

)
{%- endmacro %}
