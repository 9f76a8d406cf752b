{% macro normal_upper_tail(z) %}
    {{- return(adapter.dispatch('normal_upper_tail', 'log_loss')(z)) -}}
{% endmacro %}

{% macro default__normal_upper_tail(z) -%}
    {%- set z = '(' ~ z ~ ')' -%}
    case
        when {{ z }} >= 0 then {{ log_loss._normal_tail_beyond(z) }}
        else 1 - {{ log_loss._normal_tail_beyond('abs(' ~ z ~ ')') }}
    end
{%- endmacro %}


{#
    Hart's rational approximation (1968, no. 5666), and beyond 7 the first five steps of
    the continued fraction, as a quotient of two polynomials. 1e-300 stands for less:
    Postgres stops where nothing is left.
#}
{% macro _normal_tail_beyond(z) -%}
    {%- set above = [
        '0.0352624965998911', '0.700383064443688', '6.37396220353165',
        '33.912866078383', '112.079291497871', '221.213596169931', '220.206867912376',
    ] -%}
    {%- set below = [
        '0.0883883476483184', '1.75566716318264', '16.064177579207',
        '86.7807322029461', '296.564248779674', '637.333633378831',
        '793.826512519948', '440.413735824752',
    ] -%}
    case
        when {{ z }} < 7
        then exp(-{{ z }} * {{ z }} / 2)
            * {{ log_loss._polynomial(z, above) }}
            / {{ log_loss._polynomial(z, below) }}
        when {{ z }} <= 37
        then exp(-{{ z }} * {{ z }} / 2)
            * {{ log_loss._polynomial(z, ['1', '0.65', '9', '3.25', '8']) }}
            / (
                {{ log_loss.double('2.506628274631') }}
                * {{ log_loss._polynomial(
                    z, ['1', '0.65', '10', '3.9', '15', '1.95']
                ) }}
            )
        when {{ z }} > 37 then {{ log_loss.double('1e-300') }}
    end
{%- endmacro %}


{#
    A polynomial, the highest power's coefficient first. Estrin's scheme: it nests half as
    deep as Horner's with four coefficients and a third as deep with eight, and some
    engines limit how deep an expression may be.
#}
{% macro _polynomial(x, coefficients) -%}
    {%- if coefficients | length == 1 -%}
    {{- log_loss.double(coefficients[0]) -}}
    {%- else -%}
    {%- set pairs = [] -%}
    {%- for coefficient in coefficients | reverse -%}
        {%- set number = log_loss.double(coefficient) -%}
        {%- if loop.index0 % 2 == 0 -%}
            {%- do pairs.append(number) -%}
        {%- else -%}
            {%- do pairs.append('(' ~ pairs.pop() ~ ' + ' ~ number ~ ' * ' ~ x ~ ')') -%}
        {%- endif -%}
    {%- endfor -%}
    {{- log_loss._combined_powers('(' ~ x ~ ' * ' ~ x ~ ')', pairs) -}}
    {%- endif -%}
{%- endmacro %}


{# The terms times 1, power, power squared and so on, added up in pairs. #}
{% macro _combined_powers(power, terms) -%}
    {%- if terms | length == 1 -%}
    {{- terms[0] -}}
    {%- else -%}
    {%- set pairs = [] -%}
    {%- for term in terms -%}
        {%- if loop.index0 % 2 == 0 -%}
            {%- do pairs.append(term) -%}
        {%- else -%}
            {%- do pairs.append('(' ~ pairs.pop() ~ ' + ' ~ power ~ ' * ' ~ term ~ ')') -%}
        {%- endif -%}
    {%- endfor -%}
    {{- log_loss._combined_powers('(' ~ power ~ ' * ' ~ power ~ ')', pairs) -}}
    {%- endif -%}
{%- endmacro %}


{#
    The tail of t at n degrees of freedom is a finite sum of positive terms and the tail,
    at n + 16, of the t that gives the same share n / (n + t * t). There Hill's expansion
    (1970, CACM algorithm 395) of t as a normal deviate is exact enough. The deviate is a
    column of its own, because it stands in the tail's formula some twenty times.
#}
{% macro student_t_deviate(t, degrees_of_freedom) %}
    {{- return(adapter.dispatch('student_t_deviate', 'log_loss')(
        t, degrees_of_freedom
    )) -}}
{% endmacro %}

{% macro default__student_t_deviate(t, degrees_of_freedom) -%}
    {%- set t = '(' ~ t ~ ')' -%}
    {%- set n = log_loss.double(degrees_of_freedom) -%}
    {%- set a = '(' ~ n ~ ' + 15.5)' -%}
    {%- set b = '(48 * ' ~ a ~ ' * ' ~ a ~ ')' -%}
    {%- set y = '(' ~ a ~ ' * ln(1 + ' ~ t ~ ' * ' ~ t ~ ' / ' ~ n ~ '))' -%}
    (
        (
            (
                (((-0.4 * {{ y }} - 3.3) * {{ y }} - 24) * {{ y }} - 85.5)
                / (0.8 * {{ y }} * {{ y }} + 100 + {{ b }})
                + {{ y }} + 3
            ) / {{ b }}
            + 1
        ) * sqrt({{ y }})
    )
{%- endmacro %}


{% macro student_t_upper_tail(t, degrees_of_freedom, deviate) %}
    {{- return(adapter.dispatch('student_t_upper_tail', 'log_loss')(
        t, degrees_of_freedom, deviate
    )) -}}
{% endmacro %}

{% macro default__student_t_upper_tail(t, degrees_of_freedom, deviate) -%}
    {%- set t = '(' ~ t ~ ')' -%}
    {%- set n = log_loss.double(degrees_of_freedom) -%}
    {%- set half = '(' ~ n ~ ' / 2)' -%}
    {%- set share = '(' ~ n ~ ' / (' ~ n ~ ' + ' ~ t ~ ' * ' ~ t ~ '))' -%}
    {#-
        sum over k of share^k (half + 1/2)...(half + k - 1/2) / (half + 1)...(half + k),
        over one denominator: some engines check each division, nested ones again
    #}
    {%- set coefficients = [] -%}
    {%- for k in range(7, -1, -1) -%}
        {%- set factors = [] -%}
        {%- for step in range(1, 8) -%}
            {%- do factors.append(
                '(' ~ half ~ ' + ' ~ (step - 0.5 if step <= k else step) ~ ')'
            ) -%}
        {%- endfor -%}
        {%- do coefficients.append(log_loss._product(factors)) -%}
    {%- endfor -%}
    {%- set tail -%}
    (
        exp(case
            when {{ half }} * ln({{ share }}) > -690 then {{ half }} * ln({{ share }})
            else -690
        end)
        * abs({{ t }}) / sqrt({{ n }} + {{ t }} * {{ t }})
        * {{ log_loss._half_step_of_gamma(half) }}
        * {{ log_loss._polynomial(share, coefficients) }} / {{ coefficients[7] }}
        * {{ log_loss.double('0.28209479177387814') }}
        + {{ log_loss._normal_tail_beyond(deviate) }}
    )
    {%- endset -%}
    case when {{ t }} >= 0 then {{ tail | trim }} else 1 - {{ tail | trim }} end
{%- endmacro %}


{# Factors multiplied in pairs, which nests less deep than one after the other. #}
{% macro _product(factors) -%}
    {%- if factors | length == 1 -%}
    {{- factors[0] -}}
    {%- else -%}
    {%- set half = factors | length // 2 -%}
    {{- '(' ~ log_loss._product(factors[:half]) ~ ' * '
        ~ log_loss._product(factors[half:]) ~ ')' -}}
    {%- endif -%}
{%- endmacro %}


{# gamma(x + 1/2) / gamma(x + 1) for x > 0: eight steps up, and from there a series. #}
{% macro _half_step_of_gamma(x) -%}
    {%- set high = '(' ~ x ~ ' + 8)' -%}
    {%- set inverse = '(1 / ' ~ high ~ ')' -%}
    {%- set series = [
        869 / 4194304, -399 / 262144, -21 / 32768, 5 / 1024, 1 / 128, -1 / 8, 1
    ] -%}
    {%- set above = [] -%}
    {%- set below = [] -%}
    {%- for step in range(1, 9) -%}
        {%- do above.append('(' ~ x ~ ' + ' ~ step ~ ')') -%}
        {%- do below.append('(' ~ x ~ ' + ' ~ (step - 0.5) ~ ')') -%}
    {%- endfor -%}
    (
        {{ log_loss._polynomial(inverse, series) }}
        * {{ log_loss._product(above) }}
        / (sqrt({{ high }}) * {{ log_loss._product(below) }})
    )
{%- endmacro %}


{#
    Wichura's algorithm AS 241 (1988), in its middle and its far part.
#}
{% macro normal_quantile(upper_tail) %}
    {{- return(adapter.dispatch('normal_quantile', 'log_loss')(upper_tail)) -}}
{% endmacro %}

{% macro default__normal_quantile(upper_tail) -%}
    {%- set q = '(0.5 - ' ~ log_loss.double(upper_tail) ~ ')' -%}
    {%- set r = '(' ~ log_loss.double('0.180625') ~ ' - ' ~ q ~ ' * ' ~ q ~ ')' -%}
    {%- set tail = 'case when ' ~ q ~ ' > 0 then ' ~ log_loss.double(upper_tail)
        ~ ' else 1 - ' ~ log_loss.double(upper_tail) ~ ' end' -%}
    {%- set s = '(sqrt(-ln(' ~ tail ~ ')) - 1.6)' -%}
    {%- set middle = [[
        '2509.0809287301226727', '33430.575583588128105', '67265.770927008700853',
        '45921.953931549871457', '13731.693765509461125', '1971.5909503065514427',
        '133.14166789178437745', '3.387132872796366608',
    ], [
        '5226.495278852545925', '28729.085735721942674', '39307.89580009271061',
        '21213.794301586595867', '5394.1960214247511077', '687.1870074920579083',
        '42.313330701600911252', '1',
    ]] -%}
    {%- set far = [[
        '7.7454501427834140764e-4', '0.0227238449892691845833', '0.24178072517745061177',
        '1.27045825245236838258', '3.64784832476320460504', '5.7694972214606914055',
        '4.6303378461565452959', '1.42343711074968357734',
    ], [
        '1.05075007164441684324e-9', '5.475938084995344946e-4',
        '0.0151986665636164571966', '0.14810397642748007459', '0.68976733498510000455',
        '1.6763848301838038494', '2.05319162663775882187', '1',
    ]] -%}
    case
        when abs({{ q }}) <= 0.425
        then {{ q }} * {{ log_loss._polynomial(r, middle[0]) }}
            / {{ log_loss._polynomial(r, middle[1]) }}
        else {{ log_loss._polynomial(s, far[0]) }} / {{ log_loss._polynomial(s, far[1]) }}
            * case when {{ q }} > 0 then 1 else -1 end
    end
{%- endmacro %}


{# Peizer and Pratt's normal approximation (1968), solved for t. #}
{% macro student_t_quantile(deviate, degrees_of_freedom) %}
    {{- return(adapter.dispatch('student_t_quantile', 'log_loss')(
        deviate, degrees_of_freedom
    )) -}}
{% endmacro %}

{% macro default__student_t_quantile(deviate, degrees_of_freedom) -%}
    {%- set n = log_loss.double(degrees_of_freedom) -%}
    {%- set z = '(' ~ deviate ~ ')' -%}
    {%- set scale = '(' ~ n ~ ' - ' ~ log_loss.double(2 / 3) ~ ' + 0.1 / ' ~ n ~ ')' -%}
    sqrt({{ n }} * (
        exp(
            {{ z }} * {{ z }} * ({{ n }} - {{ log_loss.double(5 / 6) }})
            / ({{ scale }} * {{ scale }})
        ) - 1
    ))
{%- endmacro %}
