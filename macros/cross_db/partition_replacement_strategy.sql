{#
    The incremental strategy that replaces whole `recorded_date` partitions. `merge`
    cannot delete a grain that vanished, and Snowflake's `insert_overwrite` truncates
    the table.
#}
{% macro partition_replacement_strategy() %}
    {{- return(adapter.dispatch('partition_replacement_strategy', 'log_loss')()) -}}
{% endmacro %}

{% macro default__partition_replacement_strategy() %}
    {{- return('delete+insert') -}}
{% endmacro %}

{% macro spark__partition_replacement_strategy() %}
    {{- return('insert_overwrite') -}}
{% endmacro %}

{#
    Dynamic overwriting is off on SQL warehouses, where `insert_overwrite` then replaces
    the whole table; `delete+insert` came with dbt-databricks 1.11.
#}
{% macro databricks__partition_replacement_strategy() %}
    {{- return('delete+insert') -}}
{% endmacro %}

{% macro bigquery__partition_replacement_strategy() %}
    {{- return('insert_overwrite') -}}
{% endmacro %}


{#
    What `partition_by` has to say for that strategy: without it, `insert_overwrite`
    replaces the whole table. None where rows are deleted by key.
#}
{% macro partition_by_date(column) %}
    {{- return(adapter.dispatch('partition_by_date', 'log_loss')(column)) -}}
{% endmacro %}

{% macro default__partition_by_date(column) %}
    {{- return(none) -}}
{% endmacro %}

{% macro spark__partition_by_date(column) %}
    {{- return([column]) -}}
{% endmacro %}

{% macro bigquery__partition_by_date(column) %}
    {{- return({'field': column, 'data_type': 'date', 'granularity': 'day'}) -}}
{% endmacro %}


{#
    How rows lie within the table, so that a reader of few dates skips the rest: none
    where partitions do that or the engine keeps the order of loading.
#}
{% macro cluster_by_date(column) %}
    {{- return(adapter.dispatch('cluster_by_date', 'log_loss')(column)) -}}
{% endmacro %}

{% macro default__cluster_by_date(column) %}
    {{- return(none) -}}
{% endmacro %}

{% macro snowflake__cluster_by_date(column) %}
    {{- return([column]) -}}
{% endmacro %}


{# Spark's own default is a Hive text table. #}
{% macro partitioned_file_format() %}
    {{- return(adapter.dispatch('partitioned_file_format', 'log_loss')()) -}}
{% endmacro %}

{% macro default__partitioned_file_format() %}
    {{- return(none) -}}
{% endmacro %}

{% macro spark__partitioned_file_format() %}
    {{- return('parquet') -}}
{% endmacro %}

{% macro databricks__partitioned_file_format() %}
    {{- return('delta') -}}
{% endmacro %}
