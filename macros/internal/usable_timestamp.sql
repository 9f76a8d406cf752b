{#
    A column as a UTC timestamp without time zone; null outside the years 1900 to 2999.
    Sentinels such as 9999-12-31 and infinity overflow the date arithmetic of several
    engines, and one such row would stop the whole build.
#}
{% macro usable_timestamp(column) %}
    {{- return(adapter.dispatch('usable_timestamp', 'log_loss')(column)) -}}
{% endmacro %}

{% macro default__usable_timestamp(column) -%}
    {%- set timestamp = 'cast(' ~ column ~ ' as ' ~ dbt.type_timestamp() ~ ')' -%}
    case
        when
            {{ timestamp }} >= cast('1900-01-01' as {{ dbt.type_timestamp() }})
            and {{ timestamp }} < cast('3000-01-01' as {{ dbt.type_timestamp() }})
        then {{ timestamp }}
    end
{%- endmacro %}
