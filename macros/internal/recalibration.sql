{#
    The logistic fit of Platt on cells of rows that share a score's logit: Newton's method,
    a CTE for each look at all cells.

    Emits the CTEs look_0 .. look_(N-1). Each has, per fit, the best point so far
    (`best_intercept`, `best_slope`) with its loss, and the step from there. A point that is
    worse is left, and the step to it halved. The first point is 0 and 1, the scores as they
    are, or where the share of events alone would have lost less, that and a slope of 0: far
    from the best slope Newton's steps overshoot.
    Each look reads the one before once: some engines write a CTE out wherever it is named.

    cells: a CTE with the keys, `logit`, `is_event` and `row_count`.
    keys: what tells the fits apart.
#}
{% macro recalibration_looks(cells, keys, looks) -%}
{%- set carried = [
    'best_intercept', 'best_slope', 'best_loss', 'first_loss', 'intercept_step',
    'slope_step',
] -%}
starting_sums as (

    select
        {{ keys | join(',\n        ') }},
        sum(row_count) as row_count,
        {{ log_loss.safe_divide('sum(row_count * is_event)', 'sum(row_count)') }}
            as event_share,
        sum(row_count * {{ log_loss.softplus(
            'case when is_event = 1 then -logit else logit end'
        ) | indent(12) }}) as first_loss
    from {{ cells }}
    group by {{ keys | join(', ') }}

),

starting_points as (

    select
        *,
        row_count * {{ log_loss.binary_cross_entropy('event_share', 'event_share')
            | indent(8) }} as constant_loss
    from starting_sums

),

-- nothing is known to be worse yet
start_of_looks as (

    select
        {{ keys | join(',\n        ') }},
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

{% for look in range(looks) -%}
{%- set before = 'look_' ~ (look - 1) if look > 0 else 'start_of_looks' -%}
fitted_{{ look }} as (

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
        {% for name in carried -%}
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
    from sums_{{ look }}

){{ ',\n\n' if not loop.last }}
{%- endfor -%}
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
