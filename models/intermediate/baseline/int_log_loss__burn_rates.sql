with

comparisons as (

    select * from {{ ref('int_log_loss__baseline_comparisons') }}
    where window_name <> 'judged'

),

targets as (

    select
        *,
        case window_name
            {%- for length in log_loss.window_lengths() %}
            when '{{ length.name }}' then {{ length.days }}
            {%- endfor %}
        end as window_days,
        -- how much more loss than the baseline's is accepted
        {{ log_loss.loss_allowance('baseline_mean') | indent(8) }} as allowance
    from comparisons

)

select
    evaluation_date,
    {{ log_loss.scope_columns() | join(',\n    ') }},
    window_days,
    window_start_date,
    window_end_date,
    row_count as labeled_count,
    mean_value as mean_log_loss,
    increase,
    p_value,
    baseline_source,
    baseline_version,
    baseline_mean as baseline_mean_log_loss,
    baseline_mean + allowance as target_mean_log_loss,
    increase / allowance as burn_rate
from targets
