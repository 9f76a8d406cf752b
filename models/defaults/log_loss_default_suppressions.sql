{%- do log_loss.configuration() -%}
-- No suppressions. BigQuery wants a `from` before a `where`.
with

suppressions as (

    select
        cast(null as {{ dbt.type_string() }}) as model_name,
        cast(null as {{ log_loss.type_utc_timestamp() }}) as starts_at,
        cast(null as {{ log_loss.type_utc_timestamp() }}) as ends_at,
        cast(null as {{ dbt.type_string() }}) as reason

)

select
    model_name,
    starts_at,
    ends_at,
    reason
from suppressions
where 1 = 0
