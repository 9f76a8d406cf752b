{#
    Whether so much was uncertain, or so much was missed, that calibration can be tested:
    from a sum of p (1 - p), or one of (y - p)^2, of 25 on. The first alone would fall
    silent where scores are pushed to 0 and 1, just when they are wrong; of calibrated
    scores the second is that large only where the first nearly is.
#}
{% macro is_calibration_testable(score_variance_sum, squared_error_sum) -%}
({{ score_variance_sum }} >= 25 or {{ squared_error_sum }} >= 25)
{%- endmacro %}


{#
    The variance of what is observed if the scores are right, or where they leave nothing to
    chance, the squares of what was observed.
#}
{% macro variance_if_calibrated(variance_sum, squared_sum) -%}
case when {{ variance_sum }} > 0 then {{ variance_sum }} else {{ squared_sum }} end
{%- endmacro %}
