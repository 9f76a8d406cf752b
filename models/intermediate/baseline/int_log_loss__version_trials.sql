select
    model_name,
    model_version,
    min(case when role in ('canary', 'shadow') then cast(deployed_at as date) end)
        as tried_on,
    min(case when role = 'baseline' then cast(deployed_at as date) end) as adopted_on
from {{ ref('stg_log_loss__deployments') }}
where deployed_at is not null
group by
    model_name,
    model_version
