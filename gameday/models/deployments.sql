select
    'bad_canary' as model_name,
    'v3' as model_version,
    'canary' as role,
    cast('2013-11-04' as timestamp) as deployed_at,
    cast(null as timestamp) as retired_at,
    'trained on a leaking feature' as note

union all

select
    'bad_canary' as model_name,
    'v2' as model_version,
    'serving' as role,
    cast('2013-08-01' as timestamp) as deployed_at,
    cast(null as timestamp) as retired_at,
    cast(null as varchar) as note
