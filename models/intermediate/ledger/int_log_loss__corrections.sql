{%- set settings = log_loss.configuration() -%}

-- What every later load did to the mean of a day.
with

entries as (

    {{ log_loss.ledger_rows(['overall']) }}

),

clock as (

    select as_of_date from {{ ref('int_log_loss__clock') }}

),

-- what each recorded date posted to a day
posted as (

    select
        metric_date,
        model_name,
        model_version,
        recorded_date,
        sum(case when entry_type = 'prediction' then entry_count else 0 end)
            as prediction_count,
        sum(coalesce(new_label_count, 0)) as new_label_count,
        sum(coalesce(revised_label_count, 0)) as revised_label_count,
        sum(coalesce(withdrawn_label_count, 0)) as withdrawn_label_count,
        sum(
            case when entry_type in ('revised', 'withdrawn') then entry_count else 0 end
        ) as corrected_count,
        sum(
            case when entry_type in ('revised', 'withdrawn') then loss_sum else 0 end
        ) as corrected_loss_sum
    from entries
    where entry_type in ('prediction', 'new', 'revised', 'withdrawn')
    group by metric_date, model_name, model_version, recorded_date

),

posted_labels as (

    select
        metric_date,
        model_name,
        model_version,
        recorded_date,
        label,
        sum(entry_count) as labeled_count,
        sum(loss_sum) as loss_sum
    from entries
    where entry_type in ('new', 'revised', 'withdrawn')
    group by metric_date, model_name, model_version, recorded_date, label

),

labels_of_days as (

    select distinct
        metric_date,
        model_name,
        model_version,
        label
    from posted_labels

),

-- per label first, so that a label that has gone again leaves no rounding behind
label_sums_as_of as (

    select
        posted.metric_date,
        posted.model_name,
        posted.model_version,
        posted.recorded_date,
        sum(posted_labels.labeled_count) over (
            partition by
                posted.metric_date,
                posted.model_name,
                posted.model_version,
                labels_of_days.label
            order by posted.recorded_date
            rows between unbounded preceding and current row
        ) as labeled_count,
        sum(posted_labels.loss_sum) over (
            partition by
                posted.metric_date,
                posted.model_name,
                posted.model_version,
                labels_of_days.label
            order by posted.recorded_date
            rows between unbounded preceding and current row
        ) as loss_sum
    from posted
    inner join labels_of_days
        on
            posted.metric_date = labels_of_days.metric_date
            and posted.model_name = labels_of_days.model_name
            and posted.model_version = labels_of_days.model_version
    left join posted_labels
        on
            posted.metric_date = posted_labels.metric_date
            and posted.model_name = posted_labels.model_name
            and posted.model_version = posted_labels.model_version
            and posted.recorded_date = posted_labels.recorded_date
            and labels_of_days.label = posted_labels.label

),

sums_as_of as (

    select
        metric_date,
        model_name,
        model_version,
        recorded_date,
        sum(labeled_count) as labeled_count,
        sum(case when labeled_count = 0 then 0 else loss_sum end) as loss_sum
    from label_sums_as_of
    group by metric_date, model_name, model_version, recorded_date

),

states as (

    select
        posted.*,
        sum(posted.prediction_count) over (
            partition by posted.metric_date, posted.model_name, posted.model_version
            order by posted.recorded_date
            rows between unbounded preceding and current row
        ) as prediction_count_as_of,
        coalesce(sums_as_of.labeled_count, 0) as labeled_count_as_of,
        coalesce(sums_as_of.loss_sum, 0) as loss_sum_as_of,
        min(posted.recorded_date) over (
            partition by posted.metric_date, posted.model_name, posted.model_version
        ) as first_recorded_date,
        {{ log_loss.add_days('posted.metric_date', settings.mature_days) }}
            as mature_date
    from posted
    left join sums_as_of
        on
            posted.metric_date = sums_as_of.metric_date
            and posted.model_name = sums_as_of.model_name
            and posted.model_version = sums_as_of.model_version
            and posted.recorded_date = sums_as_of.recorded_date

),

means as (

    select
        *,
        {{ log_loss.safe_divide('loss_sum_as_of', 'labeled_count_as_of') }}
            as mean_log_loss_as_of,
        lag(labeled_count_as_of) over (
            partition by metric_date, model_name, model_version
            order by recorded_date
        ) as previous_labeled_count,
        lag(loss_sum_as_of) over (
            partition by metric_date, model_name, model_version
            order by recorded_date
        ) as previous_loss_sum,
        min(
            case
                when {{ log_loss.safe_divide(
                    'labeled_count_as_of', 'prediction_count_as_of'
                ) }} >= {{ log_loss.double(settings.mature_coverage) }}
                then recorded_date
            end
        ) over (
            partition by metric_date, model_name, model_version
        ) as covered_date
    from states

),

-- the first of: enough coverage, old enough (once the clock has got there and the
-- day has a prediction)
published as (

    select
        means.*,
        case
            when means.covered_date <= means.mature_date then means.covered_date
            when means.mature_date > clock.as_of_date then means.covered_date
            when means.first_recorded_date > means.mature_date
            then means.first_recorded_date
            else means.mature_date
        end as published_date
    from means
    cross join clock

),

last_rows as (

    select
        *,
        max(case when recorded_date <= published_date then recorded_date end) over (
            partition by metric_date, model_name, model_version
        ) as last_row_date
    from published

),

first_values as (

    select
        *,
        max(case when recorded_date = last_row_date then mean_log_loss_as_of end) over (
            partition by metric_date, model_name, model_version
        ) as published_mean_log_loss,
        {{ log_loss.safe_divide('previous_loss_sum', 'previous_labeled_count') }}
            as previous_mean_log_loss,
        previous_loss_sum + corrected_loss_sum as loss_sum_after_corrections,
        previous_labeled_count + corrected_count as labeled_count_after_corrections
    from last_rows

)

select
    metric_date,
    recorded_date as as_of_date,
    model_name,
    model_version,
    cast(prediction_count_as_of as {{ dbt.type_bigint() }}) as prediction_count_as_of,
    cast(labeled_count_as_of as {{ dbt.type_bigint() }}) as labeled_count_as_of,
    mean_log_loss_as_of,
    previous_mean_log_loss,
    case when recorded_date >= published_date then published_date end
        as first_published_date,
    case when recorded_date >= published_date then published_mean_log_loss end
        as first_published_mean_log_loss,
    mean_log_loss_as_of - previous_mean_log_loss as change,
    case
        when recorded_date >= published_date
        then mean_log_loss_as_of - published_mean_log_loss
    end as change_since_first_published,
    cast(new_label_count as {{ dbt.type_bigint() }}) as new_label_count,
    cast(revised_label_count as {{ dbt.type_bigint() }}) as revised_label_count,
    cast(withdrawn_label_count as {{ dbt.type_bigint() }}) as withdrawn_label_count,
    -- corrections apply first; where they leave no label, all of the change is new
    case
        when previous_labeled_count > 0 and labeled_count_as_of > 0 then
            mean_log_loss_as_of - case
                when labeled_count_after_corrections > 0
                then loss_sum_after_corrections / labeled_count_after_corrections
                else previous_mean_log_loss
            end
    end as change_from_new_labels,
    case
        when previous_labeled_count > 0 and labeled_count_as_of > 0 then
            case
                when labeled_count_after_corrections > 0
                then loss_sum_after_corrections / labeled_count_after_corrections
                else previous_mean_log_loss
            end - previous_mean_log_loss
    end as change_from_revisions,
    cast(
        {{ log_loss.days_between('metric_date', 'recorded_date') }}
        as {{ dbt.type_bigint() }}
    ) as days_after,
    published_date as published_date_of_day,
    coalesce(
        recorded_date > published_date
        and abs(mean_log_loss_as_of - published_mean_log_loss)
        > {{ log_loss.double(settings.correction_absolute) }}
        and abs(mean_log_loss_as_of - published_mean_log_loss)
        > {{ log_loss.double(settings.correction_relative) }}
        * published_mean_log_loss,
        1 = 0
    ) as is_correction
from first_values
