{%- set keys = ['metric_date', 'window_days', 'model_name', 'model_version'] -%}
{%- set looks = 9 -%}
with

windows as (

    select
        *,
        event_loss_sum / row_count as mean_loss
    from {{ ref('int_log_loss__calibration_windows') }}
    where cohort_name = 'all'

),

-- 1 - exp(-x) loses what is small of it
complements as (

    select
        *,
        case
            when mean_loss < {{ log_loss.double('1e-15') }}
            then {{ log_loss.double('1e-15') }}
            when mean_loss < {{ log_loss.double('1e-6') }}
            then mean_loss - mean_loss * mean_loss / 2
            else 1 - exp(-mean_loss)
        end as complement
    from windows

),

-- rows of one bin and one outcome share, nearly, a score; their mean loss says which
cells as (

    select
        {{ keys | join(',\n        ') }},
        is_event,
        row_count,
        case
            when is_event = 1 then -mean_loss - ln(complement)
            else ln(complement) + mean_loss
        end as logit
    from complements

),

{{ log_loss.recalibration_looks('cells', keys, looks) }},

counts as (

    select
        {{ keys | join(',\n        ') }},
        sum(row_count) as row_count,
        min(case when is_event = 1 then logit end) as lowest_of_events,
        max(case when is_event = 1 then logit end) as highest_of_events,
        min(case when is_event = 0 then logit end) as lowest_of_others,
        max(case when is_event = 0 then logit end) as highest_of_others
    from cells
    group by {{ keys | join(', ') }}

)

-- no fit where one outcome is missing, where the scores tell the outcomes apart, in
-- which case the steeper the better, where they are all alike, or where the last step
-- was not yet a small one
select
    {% for key in keys -%}
    counts.{{ key }},
    {% endfor -%}
    last_look.best_intercept as intercept,
    last_look.best_slope as slope,
    case
        when last_look.best_loss < last_look.first_loss
        then (last_look.first_loss - last_look.best_loss) / counts.row_count
        else {{ log_loss.double(0) }}
    end as gain
from counts
inner join look_{{ looks - 1 }} as last_look
    on {{ log_loss.same_columns(keys, 'counts', 'last_look') }}
where
    counts.lowest_of_events < counts.highest_of_others
    and counts.lowest_of_others < counts.highest_of_events
    and abs(last_look.intercept_step) <= 1e-6 * (1 + abs(last_look.best_intercept))
    and abs(last_look.slope_step) <= 1e-6 * (1 + abs(last_look.best_slope))
