{%- do log_loss.configuration() -%}
-- No metrics of training. BigQuery wants a `from` before a `where`.
with

training_metrics as (

    select
        cast(null as {{ dbt.type_string() }}) as model_name,
        cast(null as {{ dbt.type_string() }}) as model_version,
        cast(null as {{ dbt.type_string() }}) as run_id,
        cast(null as {{ dbt.type_string() }}) as metric_key,
        cast(null as {{ log_loss.type_double() }}) as value,
        cast(null as {{ log_loss.type_utc_timestamp() }}) as logged_at

)

select
    model_name,
    model_version,
    run_id,
    metric_key,
    value,
    logged_at
from training_metrics
where 1 = 0
