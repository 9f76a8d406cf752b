{#
    How the estimates of the loss to come are made: `horizon_days` after a day its loss
    counts as realised; `triangle_days` of reports tell how fast labels come;
    `reference_days` of realised losses recalibrate the label-free one; `windows` are the
    lengths, in days, that estimates are made for.
#}
{% macro estimation() %}
    {{ return(adapter.dispatch('estimation', 'log_loss')()) }}
{% endmacro %}

{% macro default__estimation() %}
    {% set estimate = log_loss.configuration().estimate %}
    {{ return({
        'horizon_days': estimate.horizon_days, 'history_days': estimate.history_days,
        'triangle_days': 98, 'reference_days': 56, 'windows': [1, 7],
        'span_days': estimate.history_days + 2 * estimate.horizon_days + 98 + 7,
    }) }}
{% endmacro %}


{#
    What was known, on the day of each estimate, of the errors of earlier ones at the same
    age: the root of their mean squared relative error, and on how many days it rests.

    Emits the CTEs error_days, error_history and `name`, which is `estimates` with
    `past_error` and `past_date_count`. Versions of a model are taken together, days of
    different weekdays only where `weekday` is 0.

    estimates: a CTE with the keys, `known_on` and `relative_error`, which is null where
    the loss is not realised.
#}
{% macro with_past_errors(estimates, name) %}
    {{- return(adapter.dispatch('with_past_errors', 'log_loss')(estimates, name)) -}}
{% endmacro %}

{% macro default__with_past_errors(estimates, name) -%}
{%- set horizon_days = log_loss.estimation().horizon_days -%}
{%- set keys = ['model_name', 'window_days', 'age_days', 'weekday', 'estimator'] -%}
{%- set history -%}
partition by {{ keys | join(', ') }}
            order by metric_date
{%- endset -%}
error_days as (

    select
        metric_date,
        {{ keys | join(',\n        ') }},
        avg(relative_error * relative_error) as squared_error
    from {{ estimates }}
    where relative_error is not null
    group by
        metric_date,
        {{ keys | join(',\n        ') }}

),

-- each sum holds until the next day that is realised
error_history as (

    select
        {{ keys | join(',\n        ') }},
        metric_date as valid_from,
        lead(metric_date) over (
            {{ history }}
        ) as next_metric_date,
        sum(squared_error) over (
            {{ history }}
            rows between unbounded preceding and current row
        ) as squared_error_sum,
        count(*) over (
            {{ history }}
            rows between unbounded preceding and current row
        ) as date_count
    from error_days

),

{{ name }} as (

    select
        {{ estimates }}.*,
        case
            when error_history.date_count > 0
            then sqrt(error_history.squared_error_sum / error_history.date_count)
        end as past_error,
        coalesce(error_history.date_count, 0) as past_date_count
    from {{ estimates }}
    left join error_history
        on
            {{ log_loss.same_columns(keys, estimates, 'error_history') }}
            and error_history.valid_from
            <= {{ log_loss.add_days(estimates ~ '.known_on', -horizon_days) }}
            and coalesce(
                error_history.next_metric_date, {{ log_loss.date_literal('9999-12-31') }}
            )
            > {{ log_loss.add_days(estimates ~ '.known_on', -horizon_days) }}

)
{%- endmacro %}
