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

{% macro bigquery__partition_replacement_strategy() %}
    {{- return('insert_overwrite') -}}
{% endmacro %}
