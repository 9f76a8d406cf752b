{%- set scope = log_loss.scope_columns() | join(',\n        ') -%}
{%- set scope_of = log_loss.scope_columns -%}
{%- set epsilon = log_loss.double(log_loss.configuration().epsilon) -%}
{%- set sums = ['labeled_count', 'loss_sum', 'loss_squared_sum'] -%}
-- The losses of the judged days of each scope and label, on each evaluation date.
with

judged as (

    select
        *,
        row_count as labeled_count,
        value_sum as loss_sum,
        value_squared_sum as loss_squared_sum
    from {{ ref('int_log_loss__evaluation_windows') }}
    where
        measure = 'log_loss'
        and window_name = 'judged'

),

ranked_classes as (

    select
        *,
        {{ log_loss.class_count() | indent(8) }} as class_count,
        row_number() over (
            partition by evaluation_date, {{ log_loss.scope_columns() | join(', ') }}
            order by labeled_count desc, label asc
        ) as class_rank
    from judged
    where label <> 'all'

),

class_sums as (

    select
        evaluation_date,
        {{ scope }},
        {% for sum in sums -%}
        sum(case when class_rank = 1 then {{ sum }} end) as commonest_{{ sum }},
        {% endfor -%}
        {{ log_loss.rarest_label_count() | indent(8) }} as rarest_label_count
    from ranked_classes
    group by
        evaluation_date,
        {{ scope }}

),

all_losses as (

    select
        judged.evaluation_date,
        {{ scope_of('judged') | join(',\n        ') }},
        judged.label,
        judged.start_date as window_start_date,
        judged.end_date as window_end_date,
        judged.prediction_count,
        judged.labeled_count,
        {{ log_loss.safe_divide('judged.loss_sum', 'judged.labeled_count') }}
            as mean_log_loss,
        {{ log_loss.sample_stddev(
            'judged.loss_sum', 'judged.loss_squared_sum', 'judged.labeled_count'
        ) | indent(8) }} as log_loss_stddev,
        class_sums.rarest_label_count,
        class_sums.commonest_labeled_count,
        {{ log_loss.safe_divide(
            'class_sums.commonest_loss_sum', 'class_sums.commonest_labeled_count'
        ) }} as commonest_mean_log_loss,
        {{ log_loss.sample_stddev(
            'class_sums.commonest_loss_sum', 'class_sums.commonest_loss_squared_sum',
            'class_sums.commonest_labeled_count'
        ) | indent(8) }} as commonest_log_loss_stddev,
        -- a clipped row is one whose label had epsilon, and no more, of the probability
        {{ log_loss.safe_divide(
            'judged.clipped_count * (-ln(' ~ epsilon ~ '))', 'judged.loss_sum'
        ) }} as clipped_loss_share
    from judged
    left join class_sums
        on
            judged.evaluation_date = class_sums.evaluation_date
            and {{ log_loss.same_scope('judged', 'class_sums') }}

)

select
    evaluation_date,
    {{ log_loss.scope_columns() | join(',\n    ') }},
    label,
    window_start_date,
    window_end_date,
    prediction_count,
    cast(labeled_count as {{ dbt.type_bigint() }}) as labeled_count,
    -- that of the scope, whatever the label
    max(
        case
            when label = 'all'
            then {{ log_loss.safe_divide('labeled_count', 'prediction_count') }}
        end
    ) over (
        partition by evaluation_date, {{ log_loss.scope_columns() | join(', ') }}
    ) as label_coverage,
    mean_log_loss,
    log_loss_stddev,
    cast(rarest_label_count as {{ dbt.type_bigint() }}) as rarest_label_count,
    cast(commonest_labeled_count as {{ dbt.type_bigint() }}) as commonest_labeled_count,
    commonest_mean_log_loss,
    commonest_log_loss_stddev,
    clipped_loss_share
from all_losses
