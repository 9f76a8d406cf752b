{#
    A number, or failing that a text, made of some text columns and the same for equal
    rows: a hash table of numbers is small and cheap. Two rows with one hash need not be
    equal; null where a column is, on some engines.
#}
{% macro key_hash(columns) %}
    {{- return(adapter.dispatch('key_hash', 'log_loss')(columns)) -}}
{% endmacro %}

{% macro default__key_hash(columns) -%}
    {{ dbt.hash(dbt.concat(columns)) }}
{%- endmacro %}

{% macro duckdb__key_hash(columns) -%}
    hash({{ columns | join(', ') }})
{%- endmacro %}

{% macro postgres__key_hash(columns) -%}
    hashtextextended({{ dbt.concat(columns) }}, 0)
{%- endmacro %}

{% macro redshift__key_hash(columns) -%}
    farmfingerprint64({{ dbt.concat(columns) }})
{%- endmacro %}

{% macro spark__key_hash(columns) -%}
    xxhash64({{ columns | join(', ') }})
{%- endmacro %}

{% macro snowflake__key_hash(columns) -%}
    hash({{ columns | join(', ') }})
{%- endmacro %}

{% macro bigquery__key_hash(columns) -%}
    farm_fingerprint({{ dbt.concat(columns) }})
{%- endmacro %}
