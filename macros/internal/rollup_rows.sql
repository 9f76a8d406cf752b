{#
    The rows of the roll-up at the given grains that were recorded by the as-of date.
    Every reader goes through this: rows of different grains must never be added up.
#}
{% macro rollup_rows(grains) -%}
    select rollup_rows.*
    from {{ ref('int_log_loss__rollup') }} as rollup_rows
    inner join {{ ref('int_log_loss__clock') }} as clock
        on rollup_rows.recorded_date <= clock.as_of_date
    where rollup_rows.grain in ('{{ grains | join("', '") }}')
{%- endmacro %}
