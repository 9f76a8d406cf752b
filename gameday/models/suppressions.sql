select
    'planned_retrain' as model_name,
    cast('2013-11-04' as timestamp) as starts_at,
    cast('2013-11-24' as timestamp) as ends_at,
    'planned retrain' as reason
