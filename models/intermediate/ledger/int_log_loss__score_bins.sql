{%- set sums = ['loss_sum', 'event_loss_sum', 'score_sum', 'score_squared_sum'] -%}
with

entries as (

    {{ log_loss.rollup_rows(['score_bin', 'cohort_score_decile']) }}

),

summed as (

    select
        metric_date,
        {{ log_loss.scope_columns() | join(',\n        ') }},
        case when grain = 'score_bin' then bin end as score_bin,
        case
            when grain = 'cohort_score_decile' then bin
            else {{ log_loss.score_decile('bin') | indent(12) }}
        end as score_decile,
        predicted_label,
        label,
        sum(entry_count) as row_count,
        {% for sum in sums -%}
        sum({{ sum }}) as {{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from entries
    group by
        metric_date,
        {{ log_loss.scope_columns() | join(',\n        ') }},
        grain,
        bin,
        predicted_label,
        label

)

select
    metric_date,
    {{ log_loss.scope_columns() | join(',\n    ') }},
    cast(score_bin as {{ dbt.type_int() }}) as score_bin,
    cast(score_decile as {{ dbt.type_int() }}) as score_decile,
    predicted_label,
    label,
    {{ log_loss.is_event('label', 'predicted_label') | indent(4) }} as is_event,
    cast(row_count as {{ dbt.type_bigint() }}) as row_count,
    {% for sum in sums -%}
    case when {{ sum }} < 0 then {{ log_loss.double(0) }} else {{ sum }} end
        as {{ sum }}{{ ',' if not loop.last }}
    {% endfor %}
from summed
where row_count > 0
