{%- set settings = log_loss.configuration() -%}
{%- set label_sums = [
    'labeled_by_maturity_count',
    'label_before_prediction_count',
    'correct_count',
    'clipped_count',
    'loss_sum',
    'loss_squared_sum',
    'clipped_loss_sum',
    'weighted_loss_sum',
    'weight_sum',
    'brier_sum',
    'focal_loss_sum',
    'spherical_score_sum',
] -%}
{%- set scope = log_loss.scope_columns() | join(', ') %}

-- Everything that the daily marts divide.
with

entries as (

    {{ log_loss.ledger_rows(['overall', 'cohort']) }}

),

clock as (

    select as_of_date from {{ ref('int_log_loss__clock') }}

),

label_sums as (

    select * from {{ ref('int_log_loss__label_sums') }}

),

inputs as (

    select
        metric_date,
        {{ scope }},
        sum(case when entry_type = 'prediction' then entry_count else 0 end)
            as prediction_count,
        sum(case when entry_type = 'rejection' then entry_count else 0 end)
            as rejected_count
    from entries
    where entry_type in ('prediction', 'rejection')
    group by
        metric_date,
        {{ scope }}

),

label_shares as (

    select
        *,
        {{ log_loss.class_count() }} as class_count,
        {{ log_loss.safe_divide(
            'labeled_count',
            'sum(labeled_count) over (partition by metric_date, '
            ~ log_loss.scope_columns() | join(', ') ~ ')'
        ) }} as label_share
    from label_sums

),

outcomes as (

    select
        metric_date,
        {{ scope }},
        sum(labeled_count) as labeled_count,
        {% for name in label_sums -%}
        sum({{ name }}) as {{ name }},
        {% endfor -%}
        sum(
            case
                when label_share > 0 then -label_share * ln(label_share)
                else {{ log_loss.double(0) }}
            end
        ) as base_rate_entropy,
        -- each class that occurs counts the same
        avg(
            case
                when labeled_count > 0
                then {{ log_loss.safe_divide('loss_sum', 'labeled_count') }}
            end
        ) as class_balanced_log_loss,
        {{ log_loss.rarest_label_count() }} as rarest_label_count
    from label_shares
    group by
        metric_date,
        {{ scope }}

),

joined as (

    select
        inputs.*,
        coalesce(outcomes.labeled_count, 0) as labeled_count,
        {% for name in label_sums -%}
        coalesce(outcomes.{{ name }}, 0) as {{ name }},
        {% endfor -%}
        case when outcomes.labeled_count > 0 then outcomes.base_rate_entropy end
            as base_rate_entropy,
        outcomes.class_balanced_log_loss,
        outcomes.rarest_label_count,
        {{ log_loss.days_between('inputs.metric_date', 'clock.as_of_date') }}
            as age_days,
        clock.as_of_date
    from inputs
    cross join clock
    left join outcomes
        on
            inputs.metric_date = outcomes.metric_date
            and {{ log_loss.same_scope('inputs', 'outcomes') }}
    where
        inputs.prediction_count > 0
        -- turned away without a date worth showing: log_loss_rejections has them
        or (
            inputs.metric_date > {{ log_loss.undated() }}
            and inputs.metric_date <= clock.as_of_date
        )

)

select
    metric_date,
    {{ log_loss.scope_columns() | join(', ') }},
    cast(prediction_count as {{ dbt.type_bigint() }}) as prediction_count,
    cast(rejected_count as {{ dbt.type_bigint() }}) as rejected_count,
    cast(labeled_count as {{ dbt.type_bigint() }}) as labeled_count,
    {{ log_loss.safe_divide('labeled_count', 'prediction_count') }} as label_coverage,
    {% for name in label_sums -%}
    {{ name }},
    {% endfor -%}
    base_rate_entropy,
    class_balanced_log_loss,
    rarest_label_count,
    age_days,
    prediction_count > 0
    and (
        age_days >= {{ settings.mature_days }}
        or {{ log_loss.safe_divide('labeled_count', 'prediction_count') }}
        >= {{ log_loss.double(settings.mature_coverage) }}
    ) as is_mature,
    as_of_date
from joined
