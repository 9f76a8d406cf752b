{#
    The mean log loss over the labeled rows of a table is at most max_log_loss. Fails
    where it is higher, null or NaN, where fewer than min_labeled_count rows have a
    label, and where a labeled row has a probability that is none: outside [0, 1] it
    would be clipped. Returns one row with the figures.
#}
{% test log_loss_at_most(
    model, probability, label, max_log_loss, classes=none, min_labeled_count=30,
    epsilon=none
) %}
{{ log_loss.check_test_argument(
    'log_loss_at_most', 'max_log_loss', max_log_loss,
    max_log_loss is number and max_log_loss is not boolean and max_log_loss > 0,
    'a number of nats above 0'
) }}
{{ log_loss.check_test_argument(
    'log_loss_at_most', 'min_labeled_count', min_labeled_count,
    min_labeled_count is integer and min_labeled_count >= 1,
    'a whole number of rows, at least 1'
) }}
{%- set columns = [probability] if probability is string else probability %}
with

measured as (

    select
        count(*) as row_count,
        count({{ label }}) as labeled_count,
        count(
            case
                when
                    {%- for column in columns %}
                    {{ 'and ' if not loop.first }}({{ column }}) between 0 and 1
                    {%- endfor %}
                then {{ log_loss.row_log_loss(label, probability, classes, epsilon) }}
            end
        ) as scored_count,
        {{ log_loss.mean_log_loss(label, probability, classes, epsilon) }}
            as mean_log_loss
    from {{ model }}

)

select
    *,
    {{ log_loss.double(max_log_loss) }} as max_log_loss,
    {{ min_labeled_count }} as min_labeled_count
from measured
where
    labeled_count < {{ min_labeled_count }}
    -- a labeled row without a loss has an unknown label or no usable probability
    or scored_count < labeled_count
    or not coalesce(
        mean_log_loss <= {{ log_loss.double(max_log_loss) }}
        and mean_log_loss >= 0,
        1 = 0
    )
{% endtest %}
