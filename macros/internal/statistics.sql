{#
    The scale that windows are compared on: losses on that of their logarithm, shares as
    they are; a cohort relative to the other rows of its version, so that what befalls all
    of them is the version's alone. A sum of losses that cancels to nothing is taken for
    the least loss there is.
#}
{% macro evaluation_level(mean, rest_mean) -%}
{{ log_loss._level_of(mean) }}
- case
    when cohort_name = 'all' then 0
    else {{ log_loss._level_of(rest_mean) }}
end
{%- endmacro %}


{% macro _level_of(mean) -%}
case
    when measure <> 'log_loss' then {{ mean }}
    when {{ mean }} > {{ log_loss.least_loss() }} then ln({{ mean }})
    when {{ mean }} is not null then ln({{ log_loss.least_loss() }})
end
{%- endmacro %}


{#
    The variance of that level over samples of rows, by the delta method; none where the
    mean is what rounding has left.
#}
{% macro level_variance(mean, stddev, weight) -%}
coalesce({{ stddev }} * {{ stddev }}, 0) * {{ weight }} * case
    when measure <> 'log_loss' then 1
    when {{ mean }} > {{ log_loss.least_loss() }} then 1 / ({{ mean }} * {{ mean }})
    when {{ mean }} is not null then 0
end
{%- endmacro %}


{# How much more loss than a baseline's the error budget accepts. #}
{% macro loss_allowance(baseline) -%}
{%- set budget = log_loss.configuration().error_budget -%}
{%- set relative_allowance = log_loss.double(budget.relative) ~ ' * ' ~ baseline -%}
case
    when {{ relative_allowance }} > {{ log_loss.double(budget.absolute) }}
    then {{ relative_allowance }}
    else {{ log_loss.double(budget.absolute) }}
end
{%- endmacro %}


{#
    How much a day resembles the one before, from 0 to 0.8: a sample of some weeks says
    less than none, or nearly all, by chance alone. Days that are all alike have none.
#}
{% macro bounded_autocorrelation(autocorrelation) -%}
case
    when {{ autocorrelation }} < 0 then {{ log_loss.double(0) }}
    when {{ autocorrelation }} > 0.8 then {{ log_loss.double('0.8') }}
    else coalesce({{ autocorrelation }}, 0)
end
{%- endmacro %}


{#
    By how much the variance of a mean over days is larger where each day resembles the one
    before. Source: that of a mean over a first-order autoregression, (1 + r) / (1 - r).
#}
{% macro variance_inflation(autocorrelation) -%}
((1 + {{ autocorrelation }}) / (1 - {{ autocorrelation }}))
{%- endmacro %}


{# How many independent days say as much. #}
{% macro effective_day_count(day_count, autocorrelation) -%}
({{ day_count }} / {{ log_loss.variance_inflation(autocorrelation) }})
{%- endmacro %}


{#
    The degrees of freedom of Student's t: the effective days less the `fitted` numbers that
    were estimated from them; 4 or more.
#}
{% macro degrees_of_freedom(effective_day_count, fitted) -%}
case
    when {{ effective_day_count }} > 4 + {{ fitted }}
    then {{ effective_day_count }} - {{ fitted }}
    else 4
end
{%- endmacro %}


{#
    How likely so large a t is by chance, one-sided. Without any spread there is no t: an
    increase is certain then, and what is none is not.

    deviate: `student_t_deviate` of t, a column. Source: that of `student_t_upper_tail`.
#}
{% macro p_value_of_increase(increase, t, degrees_of_freedom, deviate) -%}
coalesce(
    {{ log_loss.student_t_upper_tail(t, degrees_of_freedom, deviate) }},
    case
        when {{ increase }} > 0 then {{ log_loss.double(0) }}
        when {{ increase }} is not null then {{ log_loss.double(1) }}
    end
)
{%- endmacro %}


{#
    Whether so much was uncertain, or so much was missed, that calibration can be tested:
    from a sum of p (1 - p), or one of (y - p)^2, of 25 on. The first alone would fall
    silent where scores are pushed to 0 and 1, just when they are wrong; of calibrated
    scores the second is that large only where the first nearly is.
#}
{% macro is_calibration_testable(score_variance_sum, squared_error_sum) -%}
({{ score_variance_sum }} >= {{ log_loss.constants().least_variance }}
or {{ squared_error_sum }} >= {{ log_loss.constants().least_variance }})
{%- endmacro %}


{#
    The variance of what is observed if the scores are right, or where they leave nothing to
    chance, the squares of what was observed.
#}
{% macro variance_if_calibrated(variance_sum, squared_sum) -%}
case when {{ variance_sum }} > 0 then {{ variance_sum }} else {{ squared_sum }} end
{%- endmacro %}


{#
    The logistic fit of Platt on cells of rows that share a score's logit: Newton's method,
    a CTE for each step at all cells.

    Emits the CTEs step_0 .. step_(N-1). Each has, per fit, the best point so far
    (`best_intercept`, `best_slope`) with its loss, and the step from there. A point that is
    worse is left, and the step to it halved. The first point is 0 and 1, the scores as they
    are, or where the share of events alone would have lost less, that and a slope of 0: far
    from the best slope Newton's steps overshoot.
    Each step reads the one before once: some engines write a CTE out wherever it is named.

    cells: a CTE with the keys, `logit`, `is_event` and `row_count`.
    keys: what tells the fits apart.
#}
{% macro recalibration_steps(cells, keys, steps) -%}
{%- set carried = [
    'best_intercept', 'best_slope', 'best_loss', 'first_loss', 'intercept_step',
    'slope_step',
] -%}
starting_sums as (

    select
        {{ keys | join(', ') }},
        sum(row_count) as row_count,
        {{ log_loss.safe_divide('sum(row_count * is_event)', 'sum(row_count)') }}
            as event_share,
        sum(row_count * {{ log_loss.softplus(
            'case when is_event = 1 then -logit else logit end'
        ) }}) as first_loss
    from {{ cells }}
    group by {{ keys | join(', ') }}

),

starting_points as (

    select
        *,
        row_count * {{ log_loss.binary_cross_entropy('event_share', 'event_share') }}
            as constant_loss
    from starting_sums

),

-- nothing is known to be worse yet
start_of_steps as (

    select
        {{ keys | join(', ') }},
        case
            when first_loss <= constant_loss or event_share in (0, 1)
            then {{ log_loss.double(0) }}
            else ln(event_share / (1 - event_share))
        end as best_intercept,
        case
            when first_loss <= constant_loss or event_share in (0, 1)
            then {{ log_loss.double(1) }}
            else {{ log_loss.double(0) }}
        end as best_slope,
        {{ log_loss.double('1e300') }} as best_loss,
        first_loss,
        {{ log_loss.double(0) }} as intercept_step,
        {{ log_loss.double(0) }} as slope_step
    from starting_points

),

{% for step in range(steps) -%}
{%- set before = 'step_' ~ (step - 1) if step > 0 else 'start_of_steps' -%}
fitted_{{ step }} as (

    select
        {% for key in keys -%}
        {{ cells }}.{{ key }},
        {% endfor -%}
        {{ cells }}.logit,
        {{ cells }}.is_event,
        {{ cells }}.row_count,
        {% for name in carried -%}
        {{ before }}.{{ name }},
        {% endfor -%}
        {{ before }}.best_intercept + {{ before }}.intercept_step
        + ({{ before }}.best_slope + {{ before }}.slope_step) * {{ cells }}.logit
            as fitted_logit
    from {{ cells }}
    inner join {{ before }}
        on {{ log_loss.same_columns(keys, cells, before) }}

),

shares_{{ step }} as (

    select
        *,
        {{ log_loss.sigmoid('fitted_logit') }} as share,
        {{ log_loss.softplus(
            'case when is_event = 1 then -fitted_logit else fitted_logit end'
        ) }} as loss
    from fitted_{{ step }}

),

sums_{{ step }} as (

    select
        {{ keys | join(', ') }},
        {% for name in carried -%}
        max({{ name }}) as {{ name }},
        {% endfor -%}
        sum(row_count * loss) as loss,
        sum(row_count * (share - is_event)) as gradient_0,
        sum(row_count * (share - is_event) * logit) as gradient_1,
        sum(row_count * share * (1 - share)) as hessian_00,
        sum(row_count * share * (1 - share) * logit) as hessian_01,
        sum(row_count * share * (1 - share) * logit * logit) as hessian_11
    from shares_{{ step }}
    group by {{ keys | join(', ') }}

),

{#- near the best point, what is left of the difference is rounding -#}
{%- set is_better = 'loss <= best_loss * ' ~ log_loss.double('1.000000000001') -%}
{%- set newton = {
    'intercept': 'hessian_01 * gradient_1 - hessian_11 * gradient_0',
    'slope': 'hessian_01 * gradient_0 - hessian_00 * gradient_1',
} %}

step_{{ step }} as (

    select
        {{ keys | join(', ') }},
        {% for name in ['intercept', 'slope'] -%}
        case
            when {{ is_better }} then best_{{ name }} + {{ name }}_step
            else best_{{ name }}
        end as best_{{ name }},
        {% endfor -%}
        case when {{ is_better }} then loss else best_loss end as best_loss,
        first_loss,
        {% for name in ['intercept', 'slope'] -%}
        case
            when {{ is_better }}
            then
                ({{ newton[name] }})
                / nullif(hessian_00 * hessian_11 - hessian_01 * hessian_01, 0)
            else {{ name }}_step / 2
        end as {{ name }}_step{{ ',' if not loop.last }}
        {% endfor %}
    from sums_{{ step }}

){{ ',\n\n' if not loop.last }}
{%- endfor -%}
{%- endmacro %}


{#
    The line through the daily means of a window, and how likely so steep a rise is by
    chance.

    Source: ordinary least squares over days; the standard error of its slope times
    sqrt((1 + r)/(1 - r)) for residuals of autocorrelation r, which is the sample's and
    two over the number of days, from 0 to 0.8. Student's t of
    max(4, n (1 - r)/(1 + r) - 2) degrees of freedom, one-sided.

    Emits CTEs, the last of them fitted_trends: per as-of date and scope with
    labels on half of the days `start_date`, `end_date`, `labeled_count`,
    `mean_log_loss`, the `rise` over the window's length, in nats, and its `p_value`.

    days: a CTE with `as_of_date`, the scope, `metric_date`, `labeled_count`, above
    0, and `loss_sum`.
    length: that of the window in days.
#}
{% macro fitted_trends(days, length) -%}
{%- set scope = log_loss.scope_columns() | join(', ') -%}
{%- set window -%}
partition by as_of_date, {{ log_loss.scope_columns() | join(', ') }}
{%- endset -%}
trend_days as (

    select
        *,
        loss_sum / labeled_count as day_mean,
        {{ log_loss.double(log_loss.days_between('metric_date', 'as_of_date')) }}
            as days_ago
    from {{ days }}

),

-- a day weighs as a day, whatever its number of labels
trend_deviations as (

    select
        *,
        day_mean - avg(day_mean) over ({{ window }}) as deviation,
        avg(days_ago) over ({{ window }}) - days_ago as time_deviation
    from trend_days

),

trend_slopes as (

    select
        *,
        {{ log_loss.safe_divide(
            'sum(deviation * time_deviation) over (' ~ window ~ ')',
            'sum(time_deviation * time_deviation) over (' ~ window ~ ')'
        ) }} as slope
    from trend_deviations

),

trend_residuals as (

    select
        *,
        deviation - slope * time_deviation as residual,
        lead(deviation - slope * time_deviation) over (
            {{ window }}
            order by metric_date
        ) as next_residual
    from trend_slopes

),

trend_sums as (

    select
        as_of_date,
        {{ scope }},
        min(metric_date) as start_date,
        max(metric_date) as end_date,
        sum(labeled_count) as labeled_count,
        count(*) as day_count,
        sum(loss_sum) as loss_sum,
        max(slope) as slope,
        sum(time_deviation * time_deviation) as time_squared_sum,
        sum(residual * residual) as residual_squared_sum,
        -- two too low for the line that was fitted
        {{ log_loss.safe_divide(
            'sum(residual * next_residual)', 'sum(residual * residual)'
        ) }} + {{ log_loss.safe_divide('2', 'count(*)') }} as unbounded_autocorrelation
    from trend_residuals
    group by
        as_of_date,
        {{ scope }}
    having count(*) >= {{ (length / 2) | int }}

),

bounded_trends as (

    select
        *,
        {{ log_loss.bounded_autocorrelation('unbounded_autocorrelation') }}
            as autocorrelation
    from trend_sums

),

trend_errors as (

    select
        *,
        sqrt(
            residual_squared_sum / (day_count - 2) / time_squared_sum
            * {{ log_loss.variance_inflation('autocorrelation') }}
        ) as standard_error,
        {{ log_loss.degrees_of_freedom(
            log_loss.effective_day_count('day_count', 'autocorrelation'), fitted=2
        ) }} as degrees_of_freedom
    from bounded_trends

),

trend_tests as (

    select
        *,
        {{ log_loss.safe_divide('slope', 'standard_error') }} as t
    from trend_errors

),

trend_deviates as (

    select
        *,
        {{ log_loss.student_t_deviate('t', 'degrees_of_freedom') }} as deviate
    from trend_tests

),

fitted_trends as (

    select
        as_of_date,
        {{ scope }},
        start_date,
        end_date,
        labeled_count,
        {{ log_loss.safe_divide('loss_sum', 'labeled_count') }} as mean_log_loss,
        slope * {{ length }} as rise,
        {{ log_loss.p_value_of_increase(
            'slope', 't', 'degrees_of_freedom', 'deviate'
        ) }} as p_value
    from trend_deviates

)
{%- endmacro %}


{# 1 / (1 + exp(-x)); some engines stop at numbers too small for a double. #}
{% macro sigmoid(x) -%}
    {%- set x = '(' ~ x ~ ')' -%}
    case
        when {{ x }} > 700 then {{ log_loss.double(1) }}
        when {{ x }} < -700 then {{ log_loss.double(0) }}
        else 1 / (1 + exp(-{{ x }}))
    end
{%- endmacro %}


{# ln(1 + exp(x)) #}
{% macro softplus(x) -%}
    {%- set x = '(' ~ x ~ ')' -%}
    case
        when {{ x }} > 35 then {{ x }}
        when {{ x }} < -700 then {{ log_loss.double(0) }}
        when {{ x }} < -35 then exp({{ x }})
        else ln(1 + exp({{ x }}))
    end
{%- endmacro %}


{#
    Percentiles of losses, from their bins: the first bin up to which so many of them
    lie, by the value that stands for it.

    Emits CTEs, the last of which is `name`: one row per `keys`, with `p50_log_loss`,
    `p95_log_loss` and `p99_log_loss`.

    loss_bins: a CTE with the keys, `loss_bin` and `labeled_count`.
    keys: what is taken together.
#}
{% macro loss_percentiles(loss_bins, keys, name) -%}
{%- set percentiles = [50, 95, 99] -%}
{{ name }}_counts as (

    select
        {{ keys | join(', ') }},
        loss_bin,
        sum(labeled_count) as labeled_count
    from {{ loss_bins }}
    group by
        {{ keys | join(', ') }},
        loss_bin

),

{{ name }}_running_counts as (

    select
        {{ keys | join(', ') }},
        loss_bin,
        sum(labeled_count) over (
            partition by {{ keys | join(', ') }}
            order by loss_bin
            rows between unbounded preceding and current row
        ) as count_up_to_bin,
        sum(labeled_count) over (
            partition by {{ keys | join(', ') }}
        ) as labeled_count
    from {{ name }}_counts

),

-- whole numbers on both sides: 0.95 * 20 need not be 19
{{ name }}_bins as (

    select
        {{ keys | join(', ') }},
        {% for percentile in percentiles -%}
        min(
            case
                when 100 * count_up_to_bin >= {{ percentile }} * labeled_count
                then loss_bin
            end
        ) as p{{ percentile }}_bin{{ ',' if not loop.last }}
        {% endfor %}
    from {{ name }}_running_counts
    group by
        {{ keys | join(', ') }}

),

{{ name }} as (

    select
        {{ keys | join(', ') }},
        {% for percentile in percentiles -%}
        {{ log_loss.loss_bin_value('p' ~ percentile ~ '_bin') }}
            as p{{ percentile }}_log_loss{{ ',' if not loop.last }}
        {% endfor %}
    from {{ name }}_bins

)
{%- endmacro %}
