{% macro safe_divide(numerator, denominator) %}
    {{- return(adapter.dispatch('safe_divide', 'log_loss')(numerator, denominator)) -}}
{% endmacro %}

{% macro default__safe_divide(numerator, denominator) -%}
    (
        cast({{ numerator }} as {{ log_loss.type_double() }})
        / nullif({{ denominator }}, 0)
    )
{%- endmacro %}


{% macro sample_stddev(sum, sum_of_squares, n) %}
    {{- return(adapter.dispatch('sample_stddev', 'log_loss')(
        sum, sum_of_squares, n
    )) -}}
{% endmacro %}

{# rounding may leave a difference of equal sums slightly below zero #}
{% macro default__sample_stddev(sum, sum_of_squares, n) -%}
    {%- set sum = '(' ~ sum ~ ')' -%}
    {%- set sum_of_squares = '(' ~ sum_of_squares ~ ')' -%}
    {%- set n = '(' ~ n ~ ')' -%}
    case
        when {{ n }} < 2 then null
        when {{ sum_of_squares }} <= {{ sum }} * {{ sum }} / {{ n }}
        then {{ log_loss.double(0) }}
        else sqrt(
            ({{ sum_of_squares }} - {{ sum }} * {{ sum }} / {{ n }})
            / ({{ n }} - 1)
        )
    end
{%- endmacro %}


{% macro confidence_interval(
    side, mean, stddev, n, rarest_label_count=none, z=none
) %}
    {{- return(adapter.dispatch('confidence_interval', 'log_loss')(
        side, mean, stddev, n, rarest_label_count, z
    )) -}}
{% endmacro %}

{% macro default__confidence_interval(
    side, mean, stddev, n, rarest_label_count, z
) -%}
    {%- if side not in ('lower', 'upper') -%}
        {%- do exceptions.raise_compiler_error(
            "log_loss: confidence_interval's side is 'lower' or 'upper', not "
            ~ side
        ) -%}
    {%- endif -%}
    {%- set mean = '(' ~ mean ~ ')' -%}
    {%- set stddev = '(' ~ stddev ~ ')' -%}
    {%- set n = '(' ~ n ~ ')' -%}
    {%- set constants = log_loss.constants() -%}
    {%- set z = z or constants.z_95 -%}
    case
        when {{ n }} >= {{ constants.least_row_count }} and {{ mean }} > 0
            {#- a limit beyond every double says nothing: exp(709) is the last #}
            and {{ log_loss.double(z) }} * {{ stddev }}
            <= 700 * sqrt({{ n }}) * {{ mean }}
        {%- if rarest_label_count is not none %}
            and coalesce({{ rarest_label_count }}, {{ constants.least_class_count }})
            >= {{ constants.least_class_count }}
        {%- endif %}
        then {{ mean }} * exp(
            {{ '-' if side == 'lower' }}{{ log_loss.double(z) }}
            * {{ stddev }} / (sqrt({{ n }}) * {{ mean }})
        )
    end
{%- endmacro %}


{% macro normalized_entropy(mean_log_loss, base_rate_entropy) %}
    {{- return(adapter.dispatch('normalized_entropy', 'log_loss')(
        mean_log_loss, base_rate_entropy
    )) -}}
{% endmacro %}

{% macro default__normalized_entropy(mean_log_loss, base_rate_entropy) -%}
    (({{ mean_log_loss }}) / nullif({{ base_rate_entropy }}, 0))
{%- endmacro %}


{% macro perplexity(mean_log_loss) %}
    {{- return(adapter.dispatch('perplexity', 'log_loss')(mean_log_loss)) -}}
{% endmacro %}

{% macro default__perplexity(mean_log_loss) -%}
    exp({{ mean_log_loss }})
{%- endmacro %}
