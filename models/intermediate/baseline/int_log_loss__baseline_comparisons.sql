{%- set keys = [
    'measure', 'as_of_date'
] + log_loss.scope_columns() + ['label'] -%}
-- How far each window's mean is above its baseline's, and how likely by chance.

with

windows as (

    select * from {{ ref('int_log_loss__evaluation_windows') }}
    where
        window_name <> 'baseline'
        and row_count > 0

),

paired as (

    select
        windows.window_name,
        {% for column in keys -%}
        windows.{{ column }},
        {% endfor -%}
        windows.start_date as window_start_date,
        windows.end_date as window_end_date,
        windows.prediction_count,
        windows.row_count,
        windows.day_count,
        windows.mean_value,
        windows.level,
        windows.level_variance,
        {{ log_loss.safe_divide(
            'windows.deviation_squared_sum', 'windows.day_count - 1'
        ) }} as day_variance,
        baselines.source as baseline_source,
        baselines.measured_version as baseline_version,
        baselines.row_count as baseline_row_count,
        baselines.day_count as baseline_day_count,
        baselines.mean_value as baseline_mean,
        baselines.level as baseline_level,
        baselines.level_variance as baseline_level_variance,
        baselines.day_stddev as baseline_day_stddev,
        baselines.day_autocorrelation as baseline_autocorrelation
    from windows
    inner join {{ ref('int_log_loss__baselines') }} as baselines
        on {{ log_loss.same_columns(keys, 'windows', 'baselines') }}

),

errors as (

    select
        *,
        level - baseline_level as level_increase,
        sqrt(level_variance + baseline_level_variance) as row_standard_error,
        sqrt(
            case
                when baseline_source = 'validation'
                then {{ log_loss.safe_divide('day_variance', 'day_count') }}
                else
                    baseline_day_stddev * baseline_day_stddev
                    * (
                        {{ log_loss.safe_divide('1', 'day_count') }}
                        + {{ log_loss.safe_divide('1', 'baseline_day_count') }}
                    )
            end
            * {{ log_loss.variance_inflation('baseline_autocorrelation') }}
        ) as day_standard_error,
        -- against a validation loss the window's own days alone tell how days vary
        case
            when baseline_source = 'validation' then day_count
            else baseline_day_count
        end as varying_day_count
    from paired

),

tests as (

    select
        *,
        case window_name
            {%- for length in log_loss.window_lengths() %}
            when '{{ length.name }}' then {{ length.days }}
            {%- endfor %}
        end as window_days,
        mean_value - baseline_mean as increase,
        -- how much more loss than the baseline's the error budget accepts
        case
            when window_name <> 'evaluation'
            then {{ log_loss.loss_allowance('baseline_mean') }}
        end as allowance,
        {{ log_loss.safe_divide('mean_value - baseline_mean', 'baseline_mean') }}
            as relative_increase,
        {{ log_loss.safe_divide('level_increase', 'row_standard_error') }} as z_rows,
        {{ log_loss.safe_divide('level_increase', 'day_standard_error') }} as z_days,
        case
            when day_standard_error > row_standard_error then day_standard_error
            else row_standard_error
        end as standard_error,
        {{ log_loss.degrees_of_freedom(
            log_loss.effective_day_count(
                'varying_day_count', 'baseline_autocorrelation'
            ),
            fitted=1
        ) }} as degrees_of_freedom
    from errors

),

deviates as (

    select
        *,
        {{ log_loss.safe_divide('level_increase', 'standard_error') }} as t
    from tests

),

probabilities as (

    select
        *,
        {{ log_loss.student_t_deviate('t', 'degrees_of_freedom') }}
            as deviate
    from deviates

)

select
    window_name,
    window_days,
    {{ keys | join(', ') }},
    window_start_date,
    window_end_date,
    prediction_count,
    row_count,
    day_count,
    mean_value,
    baseline_source,
    baseline_version,
    baseline_row_count,
    baseline_day_count,
    baseline_mean,
    baseline_day_stddev,
    baseline_autocorrelation,
    increase,
    relative_increase,
    baseline_mean + allowance as target_mean,
    increase / allowance as burn_rate,
    level_increase,
    row_standard_error,
    day_standard_error,
    standard_error,
    degrees_of_freedom,
    z_rows,
    z_days,
    case when baseline_source <> 'validation' or day_count >= 5 then
        {{ log_loss.p_value_of_increase(
            'level_increase', 't', 'degrees_of_freedom', 'deviate'
        ) }}
    end as p_value
from probabilities
