{#
    A column as a UTC timestamp without time zone; null outside the years 1900 to 2999.
    Sentinels such as 9999-12-31 and infinity overflow the date arithmetic of several
    engines, and one such row would stop the whole build. `columns` is what
    input_columns gave, with the column's type.
#}
{% macro usable_timestamp(column, columns=none) -%}
    {%- set timestamp = log_loss.input_timestamp(column, columns) -%}
    {%- set type = log_loss.type_utc_timestamp() -%}
    case
        when
            {{ timestamp }} >= cast('1900-01-01' as {{ type }})
            and {{ timestamp }} < cast('3000-01-01' as {{ type }})
        then {{ timestamp }}
    end
{%- endmacro %}


{# A column as a UTC timestamp without time zone, whatever it holds. #}
{% macro input_timestamp(column, columns=none) -%}
    {%- if log_loss.is_text(column, columns) -%}
    {{ log_loss.input_value(column, columns, log_loss.type_utc_timestamp()) }}
    {%- else -%}
    {{ log_loss.utc_timestamp(
        log_loss.input_column(column, columns), log_loss.input_type(column, columns)
    ) }}
    {%- endif -%}
{%- endmacro %}
