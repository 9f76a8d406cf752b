-- What: every metric of training names a version and has a finite value, a loss is not
-- negative, and a time is one of the years 2001 to 2999 in Unix seconds.
-- When it matters: `log_loss_baseline: validation` compares with these, and leaves out
-- what it cannot read.
-- How to resolve: correct the returned rows.
select
    model_name,
    model_version,
    run_id,
    metric_key,
    value,
    logged_at
from {{ ref('stg_log_loss__training_metrics') }}
where
    model_name is null
    or model_version is null
    or metric_key is null
    -- written so that a NaN is found on every engine
    or value is null
    or not abs(value) <= {{ log_loss.largest_double() }}
    or (metric_key in ('validation_log_loss', 'training_log_loss') and value < 0)
    -- milliseconds or a written date, most likely
    or (
        metric_key = 'training_labels_until'
        and not (
            value >= {{ log_loss.double(1000000000) }}
            and value < {{ log_loss.double(32503680000) }}
        )
    )
