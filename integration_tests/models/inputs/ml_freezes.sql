-- Weeks in which nobody is to be woken.
select
    'repayment' as model_name,
    cast('2024-03-01 00:00:00' as {{ log_loss.type_utc_timestamp() }}) as starts_at,
    cast(null as {{ log_loss.type_utc_timestamp() }}) as ends_at,
    'Collections are paused: late payers are not reminded.' as reason
