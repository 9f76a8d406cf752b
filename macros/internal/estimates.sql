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
    {{ return(adapter.dispatch('estimation', 'log_loss')()) }}
{% endmacro %}

{% macro default__estimation() %}
    {% set estimate = log_loss.configuration().estimate %}
    {% set horizon_days = estimate.horizon_days %}
    {% set error_days = 84 %}
    {% set computed_days = estimate.history_days + 2 * (horizon_days + error_days) %}
    {{ return({
        'horizon_days': horizon_days, 'history_days': estimate.history_days,
        'computed_days': computed_days, 'error_days': error_days,
        'triangle_days': 98, 'reference_days': 56, 'windows': [1, 7],
        'span_days': computed_days + 2 * horizon_days + 98 + 7,
    }) }}
{% endmacro %}


{#
    What was known, on the day of each estimate, of the errors of earlier ones at the same
    age: the root of their mean squared relative error over the last 84 days that were
    realised, 12 where each weekday counts for itself, and on how many days it rests.

    Emits the CTEs `name`_error_days, `name`_error_history and `name`, which is `estimates`
    with `past_error` and `past_date_count`. Versions of a model are taken together, each
    by its predictions, days of different weekdays only where `weekday` is 0.

    estimates: a CTE with the keys, `known_on`, `prediction_count` and `relative_error`,
    which is null where the loss is not realised.
#}
{% macro with_past_errors(estimates, name) %}
    {{- return(adapter.dispatch('with_past_errors', 'log_loss')(estimates, name)) -}}
{% endmacro %}

{% macro default__with_past_errors(estimates, name) -%}
{%- set estimation = log_loss.estimation() -%}
{%- set error_days = estimation.error_days -%}
{%- set until = log_loss.add_days(estimates ~ '.known_on', -estimation.horizon_days) -%}
{%- set keys = ['model_name', 'window_days', 'age_days', 'weekday', 'estimator'] -%}
{%- set history -%}
partition by {{ keys | join(', ') }}
                order by metric_date
{%- endset -%}
{{ name }}_error_days as (

    select
        metric_date,
        {{ keys | join(',\n        ') }},
        sum(prediction_count * relative_error * relative_error) / sum(prediction_count)
            as squared_error
    from {{ estimates }}
    where relative_error is not null
    group by
        metric_date,
        {{ keys | join(',\n        ') }}

),

-- each mean holds until the next day that is realised
{{ name }}_error_history as (

    select
        {{ keys | join(',\n        ') }},
        metric_date as valid_from,
        lead(metric_date) over (
                {{ history }}
        ) as next_metric_date,
        case
            {% for condition, count in [
                ('when weekday = 0 then', error_days),
                ('else', (error_days / 7) | int),
            ] -%}
            {{ condition }} avg(squared_error) over (
                {{ history }}
                rows between {{ count - 1 }} preceding and current row
            )
            {% endfor -%}
        end as mean_squared_error,
        case
            {% for condition, count in [
                ('when weekday = 0 then', error_days),
                ('else', (error_days / 7) | int),
            ] -%}
            {{ condition }} count(*) over (
                {{ history }}
                rows between {{ count - 1 }} preceding and current row
            )
            {% endfor -%}
        end as date_count
    from {{ name }}_error_days

),

{{ name }} as (

    select
        {{ estimates }}.*,
        sqrt(history.mean_squared_error) as past_error,
        coalesce(history.date_count, 0) as past_date_count
    from {{ estimates }}
    left join {{ name }}_error_history as history
        on
            {{ log_loss.same_columns(keys, estimates, 'history') }}
            and history.valid_from <= {{ until }}
            and coalesce(
                history.next_metric_date, {{ log_loss.date_literal('9999-12-31') }}
            ) > {{ until }}

)
{%- endmacro %}
