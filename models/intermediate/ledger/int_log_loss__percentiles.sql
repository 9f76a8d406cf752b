{%- set percentiles = [50, 95, 99] -%}
with

bins as (

    select * from {{ ref('int_log_loss__loss_bins') }}

),

counted as (

    select
        metric_date,
        model_name,
        model_version,
        label,
        loss_bin,
        labeled_count
    from bins

    union all

    select
        metric_date,
        model_name,
        model_version,
        'all' as label,
        loss_bin,
        sum(labeled_count) as labeled_count
    from bins
    group by
        metric_date,
        model_name,
        model_version,
        loss_bin

),

cumulative as (

    select
        metric_date,
        model_name,
        model_version,
        label,
        loss_bin,
        sum(labeled_count) over (
            partition by metric_date, model_name, model_version, label
            order by loss_bin
            rows between unbounded preceding and current row
        ) as count_up_to_bin,
        sum(labeled_count) over (
            partition by metric_date, model_name, model_version, label
        ) as labeled_count
    from counted

),

-- whole numbers on both sides: 0.95 * 20 need not be 19
bins_of_percentiles as (

    select
        metric_date,
        model_name,
        model_version,
        label,
        {% for percentile in percentiles -%}
        min(
            case
                when 100 * count_up_to_bin >= {{ percentile }} * labeled_count
                then loss_bin
            end
        ) as p{{ percentile }}_bin{{ ',' if not loop.last }}
        {% endfor %}
    from cumulative
    group by
        metric_date,
        model_name,
        model_version,
        label

)

select
    metric_date,
    model_name,
    model_version,
    label,
    {% for percentile in percentiles -%}
    {{ log_loss.loss_bin_value('p' ~ percentile ~ '_bin') | indent(4) }}
        as p{{ percentile }}_log_loss{{ ',' if not loop.last }}
    {% endfor %}
from bins_of_percentiles
