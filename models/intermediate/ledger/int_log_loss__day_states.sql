{#- what the rules that look back are made of -#}
{%- set sums = log_loss.ledger_sums() | selectattr('name', 'in', [
    'clipped_count', 'weighted_count', 'loss_sum', 'loss_squared_sum',
    'weighted_loss_sum', 'weight_sum', 'brier_sum', 'entropy_sum',
    'entropy_variance_sum', 'score_sum', 'score_squared_sum',
]) | list -%}
{%- set counts = ['prediction_count', 'labeled_count', 'event_count'] -%}
{%- set cell = (['metric_date'] + log_loss.scope_columns() + ['label']) | join(', ') -%}
{%- set history -%}
partition by {{ cell }}
            order by known_from
{%- endset %}

with

entries as (

    {{ log_loss.ledger_rows(['overall', 'cohort']) }}

),

label_changes as (

    select
        {{ cell }},
        recorded_date as known_from,
        sum(case when entry_type = 'prediction' then entry_count else 0 end)
            as prediction_count,
        sum(case when entry_type = 'prediction' then 0 else entry_count end)
            as labeled_count,
        sum(
            case
                when entry_type = 'prediction' then 0
                else {{ log_loss.event_count(
                    'label', 'entry_count', 'correct_count'
                ) }}
            end
        ) as event_count,
        {% for sum in sums -%}
        sum(
            case when entry_type = 'prediction' then 0 else {{ sum.name }} end
        ) as {{ sum.name }}{{ ',' if not loop.last }}
        {% endfor %}
    from entries
    where entry_type in ('prediction', 'new', 'revised', 'withdrawn')
    group by
        {{ cell }},
        recorded_date

),

changes as (

    select * from label_changes
    where label is not null

    union all

    select
        metric_date,
        {{ log_loss.scope_columns() | join(', ') }},
        'all' as label,
        known_from,
        {% for name in counts + sums | map(attribute='name') | list -%}
        sum({{ name }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from label_changes
    group by
        metric_date,
        {{ log_loss.scope_columns() | join(', ') }},
        known_from

),

running as (

    select
        {{ cell }},
        known_from,
        lead(known_from) over (
            {{ history }}
        ) as known_until,
        {% for name in counts + sums | map(attribute='name') | list -%}
        sum({{ name }}) over (
            {{ history }}
            rows between unbounded preceding and current row
        ) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from changes

)

select
    metric_date,
    {{ log_loss.scope_columns() | join(', ') }},
    label,
    known_from,
    -- a far date, so that a join compares columns alone
    coalesce(known_until, {{ log_loss.far_date() }}) as known_until,
    cast(prediction_count as {{ dbt.type_bigint() }}) as prediction_count,
    cast(labeled_count as {{ dbt.type_bigint() }}) as labeled_count,
    cast(event_count as {{ dbt.type_bigint() }}) as event_count,
    -- what signed sums leave behind when all they counted has gone again is rounding
    {% for sum in sums -%}
    cast(
        case
            when labeled_count = 0 or {{ sum.name }} < 0 then 0
            {%- if sum.name in ('weight_sum', 'weighted_loss_sum') %}
            when weighted_count = 0 then 0
            {%- endif %}
            else {{ sum.name }}
        end as {{ sum.type }}
    ) as {{ sum.name }}{{ ',' if not loop.last }}
    {% endfor %}
from running
