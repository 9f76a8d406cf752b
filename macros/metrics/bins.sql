{#
    Score bins. Edges at 1, 2 and 5 per decade from 1e-8 to 5e-3, at every 0.01, and
    mirrored above 0.99: 135 edges, 136 bins, numbered 0 to 135 from below. An inner
    edge belongs to the lower bin, as in numpy.digitize(p, edges, right=True).
#}
{% macro score_bin_edges() %}
    {{- return(adapter.dispatch('score_bin_edges', 'log_loss')()) -}}
{% endmacro %}

{% macro default__score_bin_edges() %}
    {% set below = [] %}
    {% set above = [] %}
    {% for decade in range(8, 2, -1) %}
        {% for step in [1, 2, 5] %}
            {% do below.append(step ~ 'e-' ~ decade) %}
            {% do above.append('0.' ~ '9' * (decade - 1) ~ (10 - step)) %}
        {% endfor %}
    {% endfor %}
    {% set hundredths = [] %}
    {% for hundredth in range(1, 100) %}
        {% do hundredths.append('0.' ~ '%02d' | format(hundredth)) %}
    {% endfor %}
    {{ return(below + hundredths + above | reverse | list) }}
{% endmacro %}


{% macro score_bin(probability) %}
    {{- return(adapter.dispatch('score_bin', 'log_loss')(probability)) -}}
{% endmacro %}

{#
    ceil(100 p) alone misbins 0.07 and 0.55, whose products round up or down; the
    quotient of two whole numbers is the double nearest to the decimal edge, so
    comparing with it settles the bin.
#}
{% macro default__score_bin(probability) -%}
    {%- set probability = '(' ~ probability ~ ')' -%}
    {%- set edges = log_loss.score_bin_edges() -%}
    {%- set nearest = 'ceil(' ~ probability ~ ' * 100)' -%}
    {%- set hundred = log_loss.double(100) -%}
    case
        when
            {{ probability }} > {{ log_loss.double('0.01') }}
            and {{ probability }} <= {{ log_loss.double('0.99') }}
        then cast(
            17 + {{ nearest }}
            - case
                when {{ probability }} <= ({{ nearest }} - 1) / {{ hundred }} then 1
                else 0
            end
            + case
                when {{ probability }} > {{ nearest }} / {{ hundred }} then 1
                else 0
            end
            as {{ dbt.type_int() }}
        )
    {%- for edge in edges[:19] %}
        when {{ probability }} <= {{ log_loss.double(edge) }} then {{ loop.index0 }}
    {%- endfor %}
    {%- for edge in edges[117:] %}
        when {{ probability }} <= {{ log_loss.double(edge) }}
        then {{ 117 + loop.index0 }}
    {%- endfor %}
        when {{ probability }} <= 1 then {{ edges | length }}
    end
{%- endmacro %}


{% macro score_bin_start(score_bin) %}
    {{- return(adapter.dispatch('score_bin_start', 'log_loss')(score_bin)) -}}
{% endmacro %}

{% macro default__score_bin_start(score_bin) -%}
    {%- set score_bin = '(' ~ score_bin ~ ')' -%}
    case
        when {{ score_bin }} <= 0 then {{ log_loss.double(0) }}
    {%- for edge in log_loss.score_bin_edges() %}
        when {{ score_bin }} = {{ loop.index }} then {{ log_loss.double(edge) }}
    {%- endfor %}
        when {{ score_bin }} is not null then {{ log_loss.double(1) }}
    end
{%- endmacro %}


{% macro score_decile(score_bin) %}
    {{- return(adapter.dispatch('score_decile', 'log_loss')(score_bin)) -}}
{% endmacro %}

{# the bins of hundredths start at 18, so ten of them make a decile #}
{% macro default__score_decile(score_bin) -%}
    {%- set score_bin = '(' ~ score_bin ~ ')' -%}
    case
        when {{ score_bin }} < 28 then 0
    {%- for decile in range(1, 9) %}
        when {{ score_bin }} < {{ 28 + 10 * decile }} then {{ decile }}
    {%- endfor %}
        when {{ score_bin }} is not null then 9
    end
{%- endmacro %}


{#
    Loss bins: DDSketch (Masson, Rim, Lee 2019) with relative error 2 %. Bin i holds
    (gamma^(i-1), gamma^i]; bin -1000 holds losses below 1e-9, whose value is 0.
#}
{% macro loss_bin_gamma() %}
    {{- return(adapter.dispatch('loss_bin_gamma', 'log_loss')()) -}}
{% endmacro %}

{% macro default__loss_bin_gamma() %}
    {{- return((1 + 0.02) / (1 - 0.02)) -}}
{% endmacro %}


{% macro loss_bin(loss) %}
    {{- return(adapter.dispatch('loss_bin', 'log_loss')(loss)) -}}
{% endmacro %}

{% macro default__loss_bin(loss) -%}
    {%- set loss = '(' ~ loss ~ ')' -%}
    case
        when {{ loss }} < {{ log_loss.double('1e-9') }} then -1000
        when {{ loss }} is not null
        then cast(
            ceil(ln({{ loss }}) / ln({{ log_loss.double(log_loss.loss_bin_gamma()) }}))
            as {{ dbt.type_int() }}
        )
    end
{%- endmacro %}


{% macro loss_bin_value(loss_bin) %}
    {{- return(adapter.dispatch('loss_bin_value', 'log_loss')(loss_bin)) -}}
{% endmacro %}

{% macro default__loss_bin_value(loss_bin) -%}
    {%- set loss_bin = '(' ~ loss_bin ~ ')' -%}
    {%- set gamma = log_loss.loss_bin_gamma() -%}
    case
        when {{ loss_bin }} = -1000 then {{ log_loss.double(0) }}
        else 2 * power({{ log_loss.double(gamma) }}, {{ loss_bin }}) / {{ gamma + 1 }}
    end
{%- endmacro %}


{#
    Feature bins. Without a width those of losses, mirrored for negative values: bin i
    above zero is 20000 + i of the former, below zero its negative, and 0 holds what is
    closer to zero than 1e-100. With a width, whole multiples of it. 2000000000 stands
    for what is no number.
#}
{% macro feature_bin(value, width=none) %}
    {{- return(adapter.dispatch('feature_bin', 'log_loss')(value, width)) -}}
{% endmacro %}

{% macro default__feature_bin(value, width) -%}
    {%- set value = '(' ~ value ~ ')' -%}
    case
        when {{ value }} is null then 2000000000
        when not (abs({{ value }}) <= {{ log_loss.double('1e300') }}) then 2000000000
    {%- if width is not none %}
        {#- compared before they are divided: Postgres stops at what no double holds -#}
        {%- set farthest = log_loss.double(1e9 * width) %}
        when {{ value }} >= {{ farthest }} then 1000000000
        when {{ value }} <= -{{ farthest }} then -1000000000
        when abs({{ value }}) < {{ log_loss.double(1e-9 * width) }}
        then case when {{ value }} < 0 then -1 else 0 end
        else cast(
            floor({{ value }} / {{ log_loss.double(width) }}) as {{ dbt.type_int() }}
        )
    {%- else %}
        when abs({{ value }}) < {{ log_loss.double('1e-100') }} then 0
        when {{ value }} > 0 then 20000 + {{ log_loss._logarithmic_bin(value) }}
        else -20000 - {{ log_loss._logarithmic_bin('abs(' ~ value ~ ')') }}
    {%- endif %}
    end
{%- endmacro %}


{% macro feature_bin_start(feature_bin, width=none) %}
    {{- return(adapter.dispatch('feature_bin_start', 'log_loss')(feature_bin, width)) -}}
{% endmacro %}

{% macro default__feature_bin_start(feature_bin, width) -%}
    {%- set feature_bin = '(' ~ feature_bin ~ ')' -%}
    {%- if width is not none -%}
    {{ log_loss.double(width) }} * {{ feature_bin }}
    {%- else -%}
    {#- bins closer to zero than 14000 would hold numbers below 1e-100 -#}
    {%- set gamma = log_loss.double(log_loss.loss_bin_gamma()) -%}
    case
        when abs({{ feature_bin }}) < 14000 then {{ log_loss.double(0) }}
        when {{ feature_bin }} > 0 then power({{ gamma }}, {{ feature_bin }} - 20001)
        else -power({{ gamma }}, -20000 - {{ feature_bin }})
    end
    {%- endif -%}
{%- endmacro %}


{% macro _logarithmic_bin(value) -%}
cast(
        ceil(ln({{ value }}) / ln({{ log_loss.double(log_loss.loss_bin_gamma()) }}))
        as {{ dbt.type_int() }}
    )
{%- endmacro %}
