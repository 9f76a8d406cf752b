-- What: each row of the scoring log is a prediction or a rejection of the marts.
-- When: always; a row that is neither has been lost.
-- How to resolve: compare the log with log_loss_rejections by model and day.
with

logged as (

    select count(*) as row_count
    from {{ ref('ml_scoring_log') }}

),

accepted as (

    select sum(prediction_count) as row_count
    from {{ ref('log_loss', 'log_loss_label_coverage') }}
    where cohort_name = 'all'

),

rejected as (

    select sum(row_count) as row_count
    from {{ ref('log_loss', 'log_loss_rejections') }}
    where source = 'predictions' and reason <> 'label_before_prediction'

)

select
    logged.row_count as logged_count,
    accepted.row_count as accepted_count,
    rejected.row_count as rejected_count
from logged
cross join accepted
cross join rejected
where logged.row_count <> accepted.row_count + rejected.row_count
