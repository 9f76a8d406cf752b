{#
    The logistic fit of Platt on cells of rows that share a score's logit: Newton's method,
    a CTE for each look at all cells.

    Emits the CTEs look_0 .. look_N. Each has, per fit, the point that was looked at
    (`intercept`, `slope`) and its loss, the best point so far (`best_intercept`,
    `best_slope`, `best_loss`), and the step from there. A point that is worse is left, and
    the step to it halved. The first is 0 and 1: the scores as they are.

    cells: a CTE with the keys, `logit`, `is_event` and `row_count`.
    keys: what tells the fits apart.
#}
{% macro recalibration_looks(cells, keys, looks) %}
    {{- return(adapter.dispatch('recalibration_looks', 'log_loss')(
        cells, keys, looks
    )) -}}
{% endmacro %}

{% macro default__recalibration_looks(cells, keys, looks) -%}
{%- set of_cells = [] -%}
{%- for key in keys -%}
    {%- do of_cells.append(cells ~ '.' ~ key) -%}
{%- endfor -%}
{%- for look in range(looks + 1) -%}
{%- set before = 'look_' ~ (look - 1) -%}
points_{{ look }} as (

    {% if look == 0 -%}
    select distinct
        {{ keys | join(',\n        ') }},
        {{ log_loss.double(0) }} as intercept,
        {{ log_loss.double(1) }} as slope
    from {{ cells }}
    {%- else -%}
    select
        {{ keys | join(',\n        ') }},
        best_intercept + intercept_step as intercept,
        best_slope + slope_step as slope
    from {{ before }}
    {%- endif %}

),

fitted_{{ look }} as (

    select
        {{ of_cells | join(',\n        ') }},
        {{ cells }}.logit,
        {{ cells }}.is_event,
        {{ cells }}.row_count,
        points_{{ look }}.intercept,
        points_{{ look }}.slope,
        points_{{ look }}.intercept
        + points_{{ look }}.slope * {{ cells }}.logit as fitted_logit
    from {{ cells }}
    inner join points_{{ look }}
        on {{ log_loss.same_columns(keys, cells, 'points_' ~ look) }}

),

shares_{{ look }} as (

    select
        *,
        {{ log_loss.sigmoid('fitted_logit') | indent(8) }} as share,
        {{ log_loss.softplus(
            'case when is_event = 1 then -fitted_logit else fitted_logit end'
        ) | indent(8) }} as loss
    from fitted_{{ look }}

),

sums_{{ look }} as (

    select
        {{ keys | join(',\n        ') }},
        intercept,
        slope,
        sum(row_count * loss) as loss,
        sum(row_count * (share - is_event)) as gradient_0,
        sum(row_count * (share - is_event) * logit) as gradient_1,
        sum(row_count * share * (1 - share)) as hessian_00,
        sum(row_count * share * (1 - share) * logit) as hessian_01,
        sum(row_count * share * (1 - share) * logit * logit) as hessian_11
    from shares_{{ look }}
    group by
        {{ keys | join(',\n        ') }},
        intercept,
        slope

),

newton_{{ look }} as (

    select
        *,
        (hessian_01 * gradient_1 - hessian_11 * gradient_0)
        / nullif(hessian_00 * hessian_11 - hessian_01 * hessian_01, 0)
            as newton_intercept_step,
        (hessian_01 * gradient_0 - hessian_00 * gradient_1)
        / nullif(hessian_00 * hessian_11 - hessian_01 * hessian_01, 0)
            as newton_slope_step
    from sums_{{ look }}

),

look_{{ look }} as (

    {% if look == 0 -%}
    select
        {{ keys | join(',\n        ') }},
        intercept as best_intercept,
        slope as best_slope,
        loss as best_loss,
        loss as first_loss,
        newton_intercept_step as intercept_step,
        newton_slope_step as slope_step
    from newton_0
    {%- else -%}
    {%- set newton = 'newton_' ~ look -%}
    {#- near the best point, what is left of the difference is rounding -#}
    {%- set better = newton ~ '.loss <= ' ~ before ~ '.best_loss * '
        ~ log_loss.double('1.000000000001') %}
    select
        {% for key in keys -%}
        {{ newton }}.{{ key }},
        {% endfor -%}
        {% for name in ['intercept', 'slope', 'loss'] -%}
        case
            when {{ better }} then {{ newton }}.{{ name }}
            else {{ before }}.best_{{ name }}
        end as best_{{ name }},
        {% endfor -%}
        {{ before }}.first_loss,
        {% for name in ['intercept', 'slope'] -%}
        case
            when {{ better }} then {{ newton }}.newton_{{ name }}_step
            else {{ before }}.{{ name }}_step / 2
        end as {{ name }}_step{{ ',' if not loop.last }}
        {% endfor %}
    from {{ newton }}
    inner join {{ before }}
        on {{ log_loss.same_columns(keys, newton, before) }}
    {%- endif %}

){{ ',\n\n' if not loop.last }}
{%- endfor -%}
{%- endmacro %}


{# 1 / (1 + exp(-x)); some engines stop at numbers too small for a double. #}
{% macro sigmoid(x) %}
    {{- return(adapter.dispatch('sigmoid', 'log_loss')(x)) -}}
{% endmacro %}

{% macro default__sigmoid(x) -%}
    {%- set x = '(' ~ x ~ ')' -%}
    case
        when {{ x }} > 700 then {{ log_loss.double(1) }}
        when {{ x }} < -700 then {{ log_loss.double(0) }}
        else 1 / (1 + exp(-{{ x }}))
    end
{%- endmacro %}


{# ln(1 + exp(x)) #}
{% macro softplus(x) %}
    {{- return(adapter.dispatch('softplus', 'log_loss')(x)) -}}
{% endmacro %}

{% macro default__softplus(x) -%}
    {%- set x = '(' ~ x ~ ')' -%}
    case
        when {{ x }} > 35 then {{ x }}
        when {{ x }} < -700 then {{ log_loss.double(0) }}
        when {{ x }} < -35 then exp({{ x }})
        else ln(1 + exp({{ x }}))
    end
{%- endmacro %}
