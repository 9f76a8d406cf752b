{{ config(materialized='view') }}
-- What int_log_loss__canary_decisions holds, as a view of it.
select
    metric_date,
    model_name,
    candidate_version,
    serving_version,
    role,
    method,
    as_of_date,
    day_count,
    candidate_labeled_count,
    serving_labeled_count,
    overlap_share,
    difference,
    standard_error,
    z_score,
    p_value,
    sequence_half_width,
    rollback_margin,
    promote_margin,
    decision,
    first_decision_date,
    labels_still_needed
from {{ ref('int_log_loss__canary_decisions') }}
