{#
    The logistic fit of Platt on cells of rows that share a score's logit: Newton's method,
    a CTE for each look at all cells.

    Emits the CTEs look_0 .. look_N. Each has, per fit, the best point so far
    (`best_intercept`, `best_slope`) with its loss, and the step from there. A point that is
    worse is left, and the step to it halved. The first is 0 and 1: the scores as they are.
    Each look reads the one before once: some engines write a CTE out wherever it is named.

    cells: a CTE with the keys, `logit`, `is_event` and `row_count`.
    keys: what tells the fits apart.
#}
{% macro recalibration_looks(cells, keys, looks) %}
    {{- return(adapter.dispatch('recalibration_looks', 'log_loss')(
        cells, keys, looks
    )) -}}
{% endmacro %}

{% macro default__recalibration_looks(cells, keys, looks) -%}
{%- set carried = [
    'best_intercept', 'best_slope', 'best_loss', 'first_loss', 'intercept_step',
    'slope_step',
] -%}
{%- for look in range(looks + 1) -%}
{%- set before = 'look_' ~ (look - 1) -%}
fitted_{{ look }} as (

    select
        {% for key in keys -%}
        {{ cells }}.{{ key }},
        {% endfor -%}
        {{ cells }}.logit,
        {{ cells }}.is_event,
        {{ cells }}.row_count,
        {% if look == 0 -%}
        {{ cells }}.logit as fitted_logit
    from {{ cells }}
        {%- else -%}
        {% for name in carried -%}
        {{ before }}.{{ name }},
        {% endfor -%}
        {{ before }}.best_intercept + {{ before }}.intercept_step
        + ({{ before }}.best_slope + {{ before }}.slope_step) * {{ cells }}.logit
            as fitted_logit
    from {{ cells }}
    inner join {{ before }}
        on {{ log_loss.same_columns(keys, cells, before) }}
        {%- endif %}

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
        {% for name in carried if look > 0 -%}
        max({{ name }}) as {{ name }},
        {% endfor -%}
        sum(row_count * loss) as loss,
        sum(row_count * (share - is_event)) as gradient_0,
        sum(row_count * (share - is_event) * logit) as gradient_1,
        sum(row_count * share * (1 - share)) as hessian_00,
        sum(row_count * share * (1 - share) * logit) as hessian_01,
        sum(row_count * share * (1 - share) * logit * logit) as hessian_11
    from shares_{{ look }}
    group by {{ keys | join(', ') }}

),

{#- near the best point, what is left of the difference is rounding -#}
{%- set is_better = 'loss <= best_loss * ' ~ log_loss.double('1.000000000001') -%}
{%- set newton = {
    'intercept': 'hessian_01 * gradient_1 - hessian_11 * gradient_0',
    'slope': 'hessian_01 * gradient_0 - hessian_00 * gradient_1',
} %}

look_{{ look }} as (

    select
        {{ keys | join(',\n        ') }},
        {% if look == 0 -%}
        {{ log_loss.double(0) }} as best_intercept,
        {{ log_loss.double(1) }} as best_slope,
        loss as best_loss,
        loss as first_loss,
        {%- else -%}
        {% for name in ['intercept', 'slope'] -%}
        case
            when {{ is_better }} then best_{{ name }} + {{ name }}_step
            else best_{{ name }}
        end as best_{{ name }},
        {% endfor -%}
        case when {{ is_better }} then loss else best_loss end as best_loss,
        first_loss,
        {%- endif %}
        {% for name in ['intercept', 'slope'] -%}
        {%- set step -%}
        ({{ newton[name] }})
            / nullif(hessian_00 * hessian_11 - hessian_01 * hessian_01, 0)
        {%- endset -%}
        {% if look == 0 -%}
        {{ step }} as {{ name }}_step{{ ',' if not loop.last }}
        {%- else -%}
        case
            when {{ is_better }}
            then {{ step }}
            else {{ name }}_step / 2
        end as {{ name }}_step{{ ',' if not loop.last }}
        {%- endif %}
        {% endfor %}
    from sums_{{ look }}

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
