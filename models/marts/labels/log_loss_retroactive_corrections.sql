{{ config(materialized='view') }}
-- What int_log_loss__corrections holds, as a view of it.
select
    metric_date,
    as_of_date,
    model_name,
    model_version,
    prediction_count_as_of,
    labeled_count_as_of,
    mean_log_loss_as_of,
    previous_mean_log_loss,
    first_published_date,
    first_published_mean_log_loss,
    change,
    change_since_first_published,
    new_label_count,
    revised_label_count,
    withdrawn_label_count,
    change_from_new_labels,
    change_from_revisions,
    days_after,
    is_correction
from {{ ref('int_log_loss__corrections') }}
