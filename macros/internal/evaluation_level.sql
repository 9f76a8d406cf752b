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
    else {{ log_loss._level_of(rest_mean) | indent(4) }}
end
{%- endmacro %}


{% macro _level_of(mean) -%}
case
    when measure <> 'log_loss' then {{ mean }}
    when {{ mean }} > {{ log_loss.double('1e-15') }} then ln({{ mean }})
    when {{ mean }} is not null then ln({{ log_loss.double('1e-15') }})
end
{%- endmacro %}


{#
    The variance of that level over samples of rows, by the delta method; none where the
    mean is what rounding has left.
#}
{% macro level_variance(mean, stddev, weight) -%}
coalesce({{ stddev }} * {{ stddev }}, 0) * {{ weight }} * case
    when measure <> 'log_loss' then 1
    when {{ mean }} > {{ log_loss.double('1e-15') }} then 1 / ({{ mean }} * {{ mean }})
    when {{ mean }} is not null then 0
end
{%- endmacro %}
