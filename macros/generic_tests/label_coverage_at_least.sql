{#
    The share of rows with a label is at least min_coverage. Fails where it is lower and
    where the table has fewer than min_row_count rows. Returns one row with the figures.
#}
{% test label_coverage_at_least(model, label, min_coverage, min_row_count=30) %}
{{ log_loss.check_test_argument(
    'label_coverage_at_least', 'min_coverage', min_coverage,
    min_coverage is number and min_coverage is not boolean
    and min_coverage > 0 and min_coverage <= 1,
    'a share above 0 and at most 1'
) }}
{{ log_loss.check_test_argument(
    'label_coverage_at_least', 'min_row_count', min_row_count,
    min_row_count is integer and min_row_count >= 1,
    'a whole number of rows, at least 1'
) }}
with

measured as (

    select
        count(*) as row_count,
        count({{ label }}) as labeled_count,
        {{ log_loss.safe_divide('count(' ~ label ~ ')', 'count(*)') }}
            as label_coverage
    from {{ model }}

)

select
    *,
    {{ log_loss.double(min_coverage) }} as min_coverage,
    {{ min_row_count }} as min_row_count
from measured
where
    row_count < {{ min_row_count }}
    or not coalesce(
        label_coverage >= {{ log_loss.double(min_coverage) }}, 1 = 0
    )
{% endtest %}
