-- What: every suppression has a start, and does not end before it.
-- When it matters: a suppression without a usable start silences nothing.
-- How to resolve: correct `starts_at` and `ends_at` in the returned rows.
select
    model_name,
    starts_at,
    ends_at,
    reason
from {{ ref('stg_log_loss__suppressions') }}
where starts_at is null or ends_at < starts_at
