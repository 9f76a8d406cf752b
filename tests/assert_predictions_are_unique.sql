-- What: fails where two valid predictions have the same request, model and version.
-- When it matters: `log_loss_unique_predictions` promises that there are none, so the
-- package does not look for them, and would count each. It runs before the ledger is
-- built, and where it fails `dbt build` skips the rest.
-- How to resolve: remove the copies in the input model, or set
-- `log_loss_unique_predictions: false`. If runs without this test have counted them,
-- rebuild with `dbt build --full-refresh --select package:log_loss`.
-- One pass over hashes, then only the rows that share one are compared.
{{ config(
    enabled=(var('log_loss_unique_predictions', false) is sameas true),
    severity='error',
    tags=['log_loss_full_scan']
) }}
{%- set key = ['staged.request_id', 'staged.model_name', 'staged.model_version'] %}

with

shared_hashes as (

    select {{ log_loss.key_hash(key) }} as key_hash
    from {{ ref('stg_log_loss__predictions') }} as staged
    where staged.rejection_reason is null
    group by {{ log_loss.key_hash(key) }}
    having count(*) > 1

)

select
    staged.request_id,
    staged.model_name,
    staged.model_version,
    count(*) as row_count
from {{ ref('stg_log_loss__predictions') }} as staged
inner join shared_hashes on {{ log_loss.key_hash(key) }} = shared_hashes.key_hash
where staged.rejection_reason is null
group by staged.request_id, staged.model_name, staged.model_version
having count(*) > 1
