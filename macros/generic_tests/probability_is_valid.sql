{#
    Every probability is a number in [0, 1]: null, NaN, infinity and anything outside
    fail. allow_null lets nulls pass, for the columns of other models in one table.
#}
{% test probability_is_valid(model, column_name, allow_null=false) %}
{{ log_loss.check_test_argument(
    'probability_is_valid', 'allow_null', allow_null, allow_null is boolean,
    'true or false'
) }}
select *
from {{ model }}
where
    not coalesce({{ column_name }} between 0 and 1, 1 = 0)
    {%- if allow_null %}
    and {{ column_name }} is not null
    {%- endif %}
{% endtest %}
