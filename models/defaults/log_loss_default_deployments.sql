{%- do log_loss.configuration() -%}
-- No deployments. BigQuery wants a `from` before a `where`.
with

deployments as (

    select
        cast(null as {{ dbt.type_string() }}) as model_name,
        cast(null as {{ dbt.type_string() }}) as model_version,
        cast(null as {{ dbt.type_string() }}) as role,
        cast(null as {{ log_loss.type_utc_timestamp() }}) as deployed_at,
        cast(null as {{ log_loss.type_utc_timestamp() }}) as retired_at,
        cast(null as {{ dbt.type_string() }}) as note

)

select
    model_name,
    model_version,
    role,
    deployed_at,
    retired_at,
    note
from deployments
where 1 = 0
