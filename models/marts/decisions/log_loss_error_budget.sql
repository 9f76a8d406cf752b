{%- set budget = log_loss.configuration().error_budget %}

-- How fast each version uses up the loss that it is allowed above its baseline,
-- over windows that end on the date, as known when the date was first the last
-- evaluated one.
with

burn_rates as (

    select
        *,
        -- what was known when the day was first the last to be evaluated
        min(as_of_date) over (
            partition by model_name, model_version, window_end_date
        ) as first_as_of_date
    from {{ ref('int_log_loss__baseline_comparisons') }}
    where window_name <> 'evaluation'

),

first_burn_rates as (

    select
        *,
        max(case when window_days = {{ budget.days }} then burn_rate end) over (
            partition by model_name, model_version, window_end_date
        ) as period_burn_rate,
        max(
            case when window_days = {{ budget.page.long_days }} then burn_rate end
        ) over (
            partition by model_name, model_version, window_end_date
        ) as recent_burn_rate,
        max(case when window_days = {{ budget.page.long_days }} then p_value end) over (
            partition by model_name, model_version, window_end_date
        ) as recent_p_value
    from burn_rates
    where as_of_date = first_as_of_date

)

select
    window_end_date as metric_date,
    model_name,
    model_version,
    cast(window_days as {{ dbt.type_bigint() }}) as window_days,
    as_of_date,
    row_count as labeled_count,
    mean_value as mean_log_loss,
    baseline_mean as baseline_log_loss,
    target_mean as target_log_loss,
    burn_rate,
    p_value,
    1 - period_burn_rate as budget_remaining,
    case
        when period_burn_rate >= 1 then window_end_date
        when recent_burn_rate > 1 and recent_p_value < 0.05
        then {{ log_loss.add_days(
            'window_end_date',
            'cast(ceil(' ~ budget.days ~ ' * (1 - period_burn_rate)'
            ~ ' / recent_burn_rate) as ' ~ dbt.type_int() ~ ')'
        ) }}
    end as projected_exhaustion_date
from first_burn_rates
