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
