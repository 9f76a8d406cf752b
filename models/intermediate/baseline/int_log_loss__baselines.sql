-- depends_on: {{ ref('stg_log_loss__training_metrics') }}
{%- set baseline = log_loss.configuration().baseline -%}
{%- set keys = [
    'measure', 'as_of_date'
] + log_loss.scope_columns() + ['label'] %}

with

windows as (

    select
        *,
        {{ log_loss.safe_divide('deviation_squared_sum', 'day_count - 1') }}
            as day_variance,
        -- the sample's is too low by about one over its length
        {{ log_loss.safe_divide('deviation_product_sum', 'deviation_squared_sum') }}
        + {{ log_loss.safe_divide('1', 'day_count') }} as unbounded_autocorrelation
    from {{ ref('int_log_loss__evaluation_windows') }}

),

{% if baseline.is_validation -%}
{{ log_loss.dated_training_metrics() }},

{% endif -%}
baselines as (

    select
        {{ keys | join(', ') }},
        1 as preference,
        case
            when measured_version <> model_version then 'previous_version'
            {%- if baseline.start_date %}
            else 'fixed'
            {%- else %}
            when day_count < {{ baseline.days }} then 'provisional'
            else '{{ 'trailing' if baseline.is_trailing else 'first' }}'
            {%- endif %}
        end as source,
        measured_version,
        start_date,
        end_date,
        row_count,
        day_count,
        mean_value,
        value_stddev,
        level,
        level_variance,
        day_variance,
        {{ log_loss.bounded_autocorrelation(
            'unbounded_autocorrelation'
        ) }} as day_autocorrelation
    from windows
    where
        window_name = 'baseline'
        and row_count > 1
        and day_count > 1
    {%- if baseline.is_validation %}

    union all

    -- what training measured of a whole version
    select
        {% for column in keys -%}
        windows.{{ column }},
        {% endfor -%}
        2 as preference,
        'validation' as source,
        windows.model_version as measured_version,
        cast(null as date) as start_date,
        cast(null as date) as end_date,
        cast(null as {{ dbt.type_bigint() }}) as row_count,
        cast(null as {{ dbt.type_bigint() }}) as day_count,
        metrics.value as mean_value,
        cast(null as {{ log_loss.type_double() }}) as value_stddev,
        case
            when metrics.value > {{ log_loss.least_loss() }} then ln(metrics.value)
            else ln({{ log_loss.least_loss() }})
        end as level,
        -- nobody has said how uncertain it is, nor how alike one day is to the next
        {{ log_loss.double(0) }} as level_variance,
        cast(null as {{ log_loss.type_double() }}) as day_variance,
        {{ log_loss.double('0.4') }} as day_autocorrelation
    from windows
    inner join dated_training_metrics as metrics
        on
            windows.model_name = metrics.model_name
            and windows.model_version = metrics.model_version
            and windows.as_of_date >= metrics.known_from
            and windows.as_of_date < metrics.known_until
    where
        windows.window_name = 'evaluation'
        and windows.measure = 'log_loss'
        and windows.cohort_name = 'all'
        and windows.label = 'all'
        and metrics.metric_key = 'validation_log_loss'
    {%- endif %}

),

preferred as (

    select
        *,
        max(preference) over (partition by {{ keys | join(', ') }}) as best_preference
    from baselines

)

select
    {{ keys | join(', ') }},
    source,
    measured_version,
    start_date,
    end_date,
    row_count,
    day_count,
    mean_value,
    value_stddev,
    level,
    level_variance,
    sqrt(day_variance) as day_stddev,
    day_autocorrelation
from preferred
where preference = best_preference
