{%- set last = log_loss.configuration().evaluation_days - 1 -%}
{%- set scope = log_loss.scope_columns() -%}
{%- set scope_list = scope | join(',\n        ') -%}
{%- set window = ['window_start_date', 'window_end_date'] | join(',\n        ') -%}
{%- set any_label = "'all' as label" -%}
{%- set null_double = 'cast(null as ' ~ log_loss.type_double() ~ ')' %}

with

days as (

    select
        daily.*,
        evaluation_windows.window_name,
        evaluation_windows.window_start_date,
        evaluation_windows.window_end_date
    from {{ ref('int_log_loss__daily_sums') }} as daily
    inner join {{ ref('int_log_loss__evaluation_windows') }} as evaluation_windows
        on
            daily.model_name = evaluation_windows.model_name
            and daily.metric_date >= evaluation_windows.window_start_date
            and daily.metric_date <= evaluation_windows.window_end_date

),

-- labels ------------------------------------------------------------------------

mature_days as (

    select * from days
    where window_name = 'mature' and is_mature = 1

),

labels as (

    select
        labels.*,
        mature_days.window_start_date,
        mature_days.window_end_date
    from {{ ref('int_log_loss__label_sums') }} as labels
    inner join mature_days
        on
            labels.metric_date = mature_days.metric_date
            and {{ log_loss.same_scope('labels', 'mature_days') }}

),

class_sums as (

    select
        {{ scope_list }},
        {{ window }},
        label,
        {{ log_loss.class_count() | indent(8) }} as class_count,
        sum(labeled_count) as labeled_count,
        sum(loss_sum) as loss_sum,
        sum(loss_squared_sum) as loss_squared_sum,
        sum(clipped_loss_sum) as clipped_loss_sum
    from labels
    group by
        {{ scope_list }},
        {{ window }},
        label

),

loss_sums as (

    select
        {{ scope_list }},
        sum(labeled_count) as labeled_count,
        sum(loss_sum) as loss_sum,
        sum(loss_squared_sum) as loss_squared_sum,
        sum(clipped_loss_sum) as clipped_loss_sum,
        case
            when max(class_count) > 2 then null
            when sum(case when labeled_count > 0 then 1 else 0 end) < 2 then 0
            else min(case when labeled_count > 0 then labeled_count end)
        end as rarest_label_count
    from class_sums
    group by {{ scope_list }}

),

prediction_sums as (

    select
        {{ scope_list }},
        {{ window }},
        sum(prediction_count) as prediction_count
    from mature_days
    group by
        {{ scope_list }},
        {{ window }}

),

losses as (

    select
        {{ log_loss.scope_columns('prediction_sums') | join(',\n        ') }},
        prediction_sums.window_start_date,
        prediction_sums.window_end_date,
        coalesce(loss_sums.labeled_count, 0) as labeled_count,
        {{ log_loss.safe_divide(
            'coalesce(loss_sums.labeled_count, 0)', 'prediction_sums.prediction_count'
        ) }} as label_coverage,
        {{ log_loss.safe_divide('loss_sums.loss_sum', 'loss_sums.labeled_count') }}
            as mean_log_loss,
        {{ log_loss.sample_stddev(
            'loss_sums.loss_sum', 'loss_sums.loss_squared_sum',
            'loss_sums.labeled_count'
        ) | indent(8) }} as log_loss_stddev,
        loss_sums.rarest_label_count,
        {{ log_loss.safe_divide('loss_sums.clipped_loss_sum', 'loss_sums.loss_sum') }}
            as clipped_loss_share
    from prediction_sums
    left join loss_sums
        on {{ log_loss.same_scope('prediction_sums', 'loss_sums') }}

),

class_losses as (

    select
        class_sums.*,
        losses.label_coverage,
        {{ log_loss.safe_divide('class_sums.loss_sum', 'class_sums.labeled_count') }}
            as mean_log_loss,
        {{ log_loss.sample_stddev(
            'class_sums.loss_sum', 'class_sums.loss_squared_sum',
            'class_sums.labeled_count'
        ) | indent(8) }} as log_loss_stddev
    from class_sums
    inner join losses
        on {{ log_loss.same_scope('class_sums', 'losses') }}
    where class_sums.cohort_name = 'all'

),

-- days published and corrected since ----------------------------------------------

corrected_days as (

    select
        metric_date,
        model_name,
        model_version,
        max(case when is_correction then 1 else 0 end) as is_corrected
    from {{ ref('int_log_loss__corrections') }}
    where published_date_of_day is not null
    group by metric_date, model_name, model_version

),

correction_rates as (

    select
        mature_days.model_name,
        mature_days.model_version,
        mature_days.window_start_date,
        mature_days.window_end_date,
        count(*) as published_count,
        sum(corrected_days.is_corrected) as corrected_count,
        sum(mature_days.labeled_count) as labeled_count,
        {{ log_loss.safe_divide(
            'sum(mature_days.labeled_count)', 'sum(mature_days.prediction_count)'
        ) }} as label_coverage
    from mature_days
    inner join corrected_days
        on
            mature_days.metric_date = corrected_days.metric_date
            and mature_days.model_name = corrected_days.model_name
            and mature_days.model_version = corrected_days.model_version
    where mature_days.cohort_name = 'all'
    group by
        mature_days.model_name,
        mature_days.model_version,
        mature_days.window_start_date,
        mature_days.window_end_date

),

-- inputs --------------------------------------------------------------------------

coverages as (

    select
        {{ scope_list }},
        {{ window }},
        sum(prediction_count) as prediction_count,
        sum(labeled_by_maturity_count) as labeled_count,
        {{ log_loss.safe_divide(
            'sum(labeled_by_maturity_count)', 'sum(prediction_count)'
        ) }} as label_coverage
    from days
    where window_name = 'aged' and prediction_count > 0
    group by
        {{ scope_list }},
        {{ window }}

),

inputs as (

    select
        model_name,
        model_version,
        {{ window }},
        sum(prediction_count) as prediction_count,
        sum(rejected_count) as rejected_count,
        sum(labeled_count) as labeled_count,
        -- a sum that is neither a number below the largest one nor zero is broken
        sum(
            case when abs(loss_sum) <= {{ log_loss.largest_double() }} then 0 else 1 end
            + case
                when abs(weighted_loss_sum) <= {{ log_loss.largest_double() }} then 0
                else 1
            end
            + case
                when abs(brier_sum) <= {{ log_loss.largest_double() }} then 0 else 1
            end
        ) as non_finite_count
    from days
    where window_name = 'latest' and cohort_name = 'all'
    group by
        model_name,
        model_version,
        {{ window }}

),

-- rows that name no version are a share of the model's rows, rows that name no
-- model are a share of all
input_totals as (

    select
        *,
        case
            when model_name = '(unknown)'
            then sum(prediction_count + rejected_count) over ()
            when model_version = '(unknown)'
            then sum(prediction_count + rejected_count) over (partition by model_name)
            else prediction_count + rejected_count
        end as row_count
    from inputs

),

label_events as (

    {{ log_loss.rollup_rows(['label_event']) }}

),

clock as (

    select as_of_date from {{ ref('int_log_loss__clock') }}

),

-- by load date; an event sent twice harms nobody, and does not count as rejected
label_inputs as (

    select
        label_events.model_name,
        {{ log_loss.add_days('clock.as_of_date', -last) }} as window_start_date,
        clock.as_of_date as window_end_date,
        sum(label_events.entry_count) as row_count,
        sum(
            case
                when
                    label_events.entry_type = 'rejection'
                    and label_events.reason <> 'duplicate_label'
                then label_events.entry_count
                else 0
            end
        ) as rejected_count
    from label_events
    inner join clock
        on
            label_events.metric_date <= clock.as_of_date
            and label_events.metric_date
            >= {{ log_loss.add_days('clock.as_of_date', -last) }}
    group by label_events.model_name, clock.as_of_date

),

label_input_totals as (

    select
        model_name,
        window_start_date,
        window_end_date,
        rejected_count,
        case
            when model_name = '(unknown)' then sum(row_count) over ()
            else row_count
        end as row_count
    from label_inputs

),

-- ---------------------------------------------------------------------------------

-- a version that only has days too young to judge
recent_versions as (

    select
        days.model_name,
        days.model_version,
        min(days.metric_date) as window_start_date,
        max(days.metric_date) as window_end_date,
        sum(days.labeled_count) as labeled_count,
        {{ log_loss.safe_divide(
            'sum(days.labeled_count)', 'sum(days.prediction_count)'
        ) }} as label_coverage
    from days
    where
        days.window_name = 'latest'
        and days.cohort_name = 'all'
        and days.prediction_count > 0
    group by days.model_name, days.model_version

),

immature_versions as (

    select recent_versions.*
    from recent_versions
    left join losses
        on
            recent_versions.model_name = losses.model_name
            and recent_versions.model_version = losses.model_version
            and losses.cohort_name = 'all'
    where losses.model_name is null

),

measured as (

    select
        case
            when cohort_name = 'all' then 'mean_log_loss' else 'cohort_log_loss'
        end as rule,
        {{ scope_list }},
        {{ any_label }},
        {{ window }},
        mean_log_loss as value,
        labeled_count as sample_count,
        labeled_count,
        label_coverage,
        {{ log_loss.confidence_interval(
            'lower', 'mean_log_loss', 'log_loss_stddev', 'labeled_count',
            'rarest_label_count'
        ) | indent(8) }} as ci_lower,
        {{ log_loss.confidence_interval(
            'upper', 'mean_log_loss', 'log_loss_stddev', 'labeled_count',
            'rarest_label_count'
        ) | indent(8) }} as ci_upper,
        1 as is_judged_by_interval,
        0 as is_immature
    from losses

    union all

    select
        'class_log_loss' as rule,
        {{ scope_list }},
        label,
        {{ window }},
        mean_log_loss as value,
        labeled_count as sample_count,
        labeled_count,
        label_coverage,
        {{ log_loss.confidence_interval(
            'lower', 'mean_log_loss', 'log_loss_stddev', 'labeled_count'
        ) | indent(8) }} as ci_lower,
        {{ log_loss.confidence_interval(
            'upper', 'mean_log_loss', 'log_loss_stddev', 'labeled_count'
        ) | indent(8) }} as ci_upper,
        1 as is_judged_by_interval,
        0 as is_immature
    from class_losses

    union all

    select
        'clipped_loss_share' as rule,
        {{ scope_list }},
        {{ any_label }},
        {{ window }},
        clipped_loss_share as value,
        labeled_count as sample_count,
        labeled_count,
        label_coverage,
        {{ null_double }} as ci_lower,
        {{ null_double }} as ci_upper,
        0 as is_judged_by_interval,
        0 as is_immature
    from losses
    where cohort_name = 'all'

    union all

    select
        'correction_rate' as rule,
        model_name,
        model_version,
        'all' as cohort_name,
        'all' as cohort_value,
        {{ any_label }},
        {{ window }},
        {{ log_loss.safe_divide('corrected_count', 'published_count') }} as value,
        labeled_count as sample_count,
        labeled_count,
        label_coverage,
        {{ null_double }} as ci_lower,
        {{ null_double }} as ci_upper,
        0 as is_judged_by_interval,
        0 as is_immature
    from correction_rates

    union all

    select
        'label_coverage' as rule,
        {{ scope_list }},
        {{ any_label }},
        {{ window }},
        label_coverage as value,
        prediction_count as sample_count,
        labeled_count,
        label_coverage,
        {{ null_double }} as ci_lower,
        {{ null_double }} as ci_upper,
        0 as is_judged_by_interval,
        0 as is_immature
    from coverages

    union all

    select
        'rejected_share' as rule,
        model_name,
        model_version,
        'all' as cohort_name,
        'all' as cohort_value,
        {{ any_label }},
        {{ window }},
        {{ log_loss.safe_divide('rejected_count', 'row_count') }} as value,
        row_count as sample_count,
        labeled_count,
        {{ log_loss.safe_divide('labeled_count', 'prediction_count') }}
            as label_coverage,
        {{ null_double }} as ci_lower,
        {{ null_double }} as ci_upper,
        0 as is_judged_by_interval,
        0 as is_immature
    from input_totals

    union all

    select
        'rejected_label_share' as rule,
        model_name,
        '(none)' as model_version,
        'all' as cohort_name,
        'all' as cohort_value,
        {{ any_label }},
        {{ window }},
        {{ log_loss.safe_divide('rejected_count', 'row_count') }} as value,
        row_count as sample_count,
        row_count - rejected_count as labeled_count,
        {{ null_double }} as label_coverage,
        {{ null_double }} as ci_lower,
        {{ null_double }} as ci_upper,
        0 as is_judged_by_interval,
        0 as is_immature
    from label_input_totals

    union all

    select
        'non_finite_count' as rule,
        model_name,
        model_version,
        'all' as cohort_name,
        'all' as cohort_value,
        {{ any_label }},
        {{ window }},
        cast(non_finite_count as {{ log_loss.type_double() }}) as value,
        prediction_count as sample_count,
        labeled_count,
        {{ log_loss.safe_divide('labeled_count', 'prediction_count') }}
            as label_coverage,
        {{ null_double }} as ci_lower,
        {{ null_double }} as ci_upper,
        0 as is_judged_by_interval,
        0 as is_immature
    from inputs

    {%- for rule in ['mean_log_loss', 'clipped_loss_share', 'correction_rate'] %}

    union all

    select
        '{{ rule }}' as rule,
        model_name,
        model_version,
        'all' as cohort_name,
        'all' as cohort_value,
        {{ any_label }},
        {{ window }},
        {{ null_double }} as value,
        labeled_count as sample_count,
        labeled_count,
        label_coverage,
        {{ null_double }} as ci_lower,
        {{ null_double }} as ci_upper,
        0 as is_judged_by_interval,
        1 as is_immature
    from immature_versions
    {%- endfor %}

)

select
    rule,
    {{ scope | join(',\n    ') }},
    label,
    window_start_date,
    window_end_date,
    value,
    cast(sample_count as {{ dbt.type_bigint() }}) as sample_count,
    cast(labeled_count as {{ dbt.type_bigint() }}) as labeled_count,
    label_coverage,
    ci_lower,
    ci_upper,
    is_judged_by_interval,
    is_immature
from measured
