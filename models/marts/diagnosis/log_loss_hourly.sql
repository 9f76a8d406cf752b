{%- set hourly_days = log_loss.configuration().hourly_days -%}
{%- set as_of_date -%}
(select as_of_date from {{ ref('int_log_loss__clock') }})
{%- endset -%}
{#- labels older than their predictions, by up to a week, are found as well -#}
{%- set since = log_loss.add_days(as_of_date, -hourly_days - 7) -%}
with

recent_requests as (

    select distinct
        request_id,
        model_name
    from {{ ref('stg_log_loss__predictions') }}
    where
        rejection_reason is null
        and metric_date > {{ log_loss.add_days(as_of_date, -hourly_days) }}
        and metric_date <= {{ as_of_date }}
        and {{ log_loss.may_be_recorded_since(since) | indent(8) }}

),

{{ log_loss.ledger('recent_requests', since, now=true) }}

select
    metric_date,
    cast({{ log_loss.hour_of_day('predicted_at') }} as {{ dbt.type_bigint() }})
        as hour_of_day,
    model_name,
    model_version,
    cast(count(*) as {{ dbt.type_bigint() }}) as prediction_count,
    cast(count(loss) as {{ dbt.type_bigint() }}) as labeled_count,
    {{ log_loss.safe_divide('count(loss)', 'count(*)') }} as label_coverage,
    avg(loss) as mean_log_loss,
    avg(entropy) as expected_log_loss,
    avg(score) as mean_score
from scored
where
    metric_date > {{ log_loss.add_days(as_of_date, -hourly_days) }}
    and metric_date <= {{ as_of_date }}
group by
    metric_date,
    cast({{ log_loss.hour_of_day('predicted_at') }} as {{ dbt.type_bigint() }}),
    model_name,
    model_version
