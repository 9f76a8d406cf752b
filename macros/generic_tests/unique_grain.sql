{# The grain is unique: returns each key that occurs more than once. #}
{% test unique_grain(model, columns) %}
{{ log_loss.check_test_argument(
    'unique_grain', 'columns', columns,
    columns is iterable and columns is not string and columns | length > 0,
    'a list of column names'
) }}
select
    {{ columns | join(', ') }},
    count(*) as row_count
from {{ model }}
group by
    {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
