{%- do log_loss.configuration() -%}
-- No suppressions.
select
    cast(null as {{ dbt.type_string() }}) as model_name,
    cast(null as {{ log_loss.type_utc_timestamp() }}) as starts_at,
    cast(null as {{ log_loss.type_utc_timestamp() }}) as ends_at,
    cast(null as {{ dbt.type_string() }}) as reason
where 1 = 0
