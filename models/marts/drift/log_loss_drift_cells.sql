{%- set features = log_loss.configuration().features -%}
-- Where scores and features have moved.
with

cells as (

    select cells.*
    from {{ ref('int_log_loss__drift_cells') }} as cells
    inner join {{ ref('int_log_loss__clock') }} as clock
        on cells.as_of_date = clock.as_of_date

),

bounded as (

    select
        *,
        {% for side, bin in [
            ('lower', 'previous_last_bin'), ('upper', 'last_bin')
        ] -%}
        case
            when cell_kind <> 'range' then null
            when feature = '(score)'
            then {{ log_loss.score_bin_start(bin ~ ' + 1') }}
            {% for feature in features if feature.is_numeric -%}
            when feature = {{ log_loss.text_literal(feature.column) }}
            then {{ log_loss.feature_bin_start(bin ~ ' + 1', feature.bin_width) }}
            {% endfor -%}
        end as {{ side }}_bound{{ ',' if not loop.last }}
        {% endfor %}
    from cells

)

select
    metric_date,
    cast(window_days as {{ dbt.type_bigint() }}) as window_days,
    model_name,
    model_version,
    feature,
    cell_kind,
    cast(group_number as {{ dbt.type_bigint() }}) as cell_number,
    case when cell_kind = 'value' then value end as cell_value,
    cast(lower_bound as {{ log_loss.type_double() }}) as lower_bound,
    cast(upper_bound as {{ log_loss.type_double() }}) as upper_bound,
    reference_count,
    row_count as prediction_count,
    reference_share,
    share as prediction_share,
    psi_term as psi_contribution
from bounded
