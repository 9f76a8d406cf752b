-- What: every deployment names a version, one of the three roles, and a start that is
-- not after its end.
-- When it matters: a deployment that does not is left out of every comparison.
-- How to resolve: correct the returned rows.
select
    model_name,
    model_version,
    role,
    deployed_at,
    retired_at
from {{ ref('stg_log_loss__deployments') }}
where
    model_name is null
    or model_version is null
    or coalesce(role, '') not in ('serving', 'canary', 'shadow')
    or deployed_at is null
    or retired_at < deployed_at
