{%- set settings = log_loss.configuration() -%}
{#- sums of what is labeled now; how labels came and went is not among them -#}
{%- set sums = log_loss.ledger_sums() | rejectattr('name', 'in', [
    'entry_count', 'first_label_count', 'new_label_count', 'revised_label_count',
    'withdrawn_label_count',
]) | list -%}

with

entries as (

    {{ log_loss.ledger_rows(['overall', 'cohort']) }}

),

summed as (

    select
        metric_date,
        model_name,
        model_version,
        cohort_name,
        cohort_value,
        label,
        sum(entry_count) as labeled_count,
        sum(
            case
                when recorded_date
                    <= {{ log_loss.add_days('metric_date', settings.mature_days) }}
                then entry_count
                else 0
            end
        ) as labeled_by_maturity_count,
        {% for sum in sums -%}
        sum({{ sum.name }}) as {{ sum.name }}{{ ',' if not loop.last }}
        {% endfor %}
    from entries
    where entry_type in ('new', 'revised', 'withdrawn')
    group by
        metric_date,
        model_name,
        model_version,
        cohort_name,
        cohort_value,
        label

)

select
    metric_date,
    model_name,
    model_version,
    cohort_name,
    cohort_value,
    label,
    cast(labeled_count as {{ dbt.type_bigint() }}) as labeled_count,
    cast(labeled_by_maturity_count as {{ dbt.type_bigint() }})
        as labeled_by_maturity_count,
    -- what signed sums leave behind when all they counted has gone again is rounding,
    -- and so is a sum of losses below zero
    {% for sum in sums -%}
    cast(
        case
            when labeled_count = 0 or {{ sum.name }} < 0 then 0
            {%- if sum.name in ('weight_sum', 'weighted_loss_sum') %}
            when weighted_count = 0 then 0
            {%- endif %}
            else {{ sum.name }}
        end as {{ sum.type }}
    ) as {{ sum.name }},
    {% endfor -%}
    -- a clipped row is one whose label had epsilon, and no more, of the probability
    clipped_count * (-ln({{ log_loss.double(settings.epsilon) }})) as clipped_loss_sum
from summed
