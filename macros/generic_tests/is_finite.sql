{# A figure is null or a finite number: returns the rows with NaN or infinity. #}
{% test is_finite(model, column_name) %}
select *
from {{ model }}
where
    {{ column_name }} is not null
    -- false for NaN on every engine, whatever order it gives NaN
    and not coalesce(abs({{ column_name }}) <= {{ log_loss.largest_double() }}, 1 = 0)
{% endtest %}
