{%- set settings = log_loss.configuration() -%}
{%- set scope_of = log_loss.scope_columns -%}
{%- set null_double = 'cast(null as ' ~ log_loss.type_double() ~ ')' -%}
{%- set mature_date = log_loss.add_days(
    'day_states.metric_date', settings.mature_days
) -%}
{%- set measures = [
    {'rule': "'label_coverage'", 'from': 'coverages',
     'value': 'label_coverage', 'sample': 'prediction_count'},
    {'rule': 'rule', 'from': 'rejected_shares',
     'value': 'rejected_share', 'sample': 'row_count'},
    {'rule': "'duplicate_share'", 'from': 'rejected_shares',
     'where': "rule = 'rejected_share'", 'value': 'duplicate_share', 'sample': 'row_count'},
    {'rule': "'non_finite_count'", 'from': 'broken_sums',
     'value': 'non_finite_count', 'sample': 'prediction_count'},
] -%}
-- What the rules about predictions and labels measure, whatever their losses.
with

as_of_dates as (

    select * from {{ ref('int_log_loss__as_of_dates') }}

),

aged_days as (

    select
        as_of_dates.as_of_date,
        day_states.metric_date,
        {{ scope_of('day_states') | join(', ') }},
        case
            when day_states.known_until > as_of_dates.as_of_date
            then day_states.prediction_count
            else 0
        end as prediction_count,
        case
            when day_states.known_from <= {{ mature_date }}
                and day_states.known_until > {{ mature_date }}
            then day_states.labeled_count
            else 0
        end as labeled_count
    from {{ ref('int_log_loss__day_states') }} as day_states
    inner join as_of_dates
        on
            day_states.metric_date <= {{ log_loss.add_days(
                'as_of_dates.as_of_date', -settings.mature_days
            ) }}
            and day_states.metric_date > {{ log_loss.add_days(
                'as_of_dates.as_of_date',
                -settings.mature_days - settings.evaluation_days
            ) }}
            and day_states.known_from <= as_of_dates.as_of_date
    where day_states.label = 'all'

),

coverages as (

    select
        aged_days.as_of_date,
        {{ scope_of('aged_days') | join(', ') }},
        'all' as label,
        min(aged_days.metric_date) as window_start_date,
        max(aged_days.metric_date) as window_end_date,
        sum(aged_days.prediction_count) as prediction_count,
        sum(aged_days.labeled_count) as labeled_count,
        {{ log_loss.safe_divide(
            'sum(aged_days.labeled_count)', 'sum(aged_days.prediction_count)'
        ) }} as label_coverage
    from aged_days
    group by
        aged_days.as_of_date,
        {{ scope_of('aged_days') | join(', ') }}
    having sum(aged_days.prediction_count) > 0

),

input_entries as (

    {{ log_loss.ledger_rows(['overall', 'label_event']) }}

),

loaded_entries as (

    select
        recorded_date,
        model_name,
        model_version,
        case
            when grain = 'overall' then 'rejected_share'
            else 'rejected_label_share'
        end as rule,
        -- a label event changes its state later, and keeps its load date
        case
            when grain = 'overall' then recorded_date
            else metric_date
        end as loaded_on,
        sum(entry_count) as row_count,
        -- a row sent twice harms nobody and does not count as rejected
        sum(
            case
                when
                    entry_type = 'rejection'
                    and reason not in ('duplicate_label', 'duplicate_prediction')
                then entry_count
                else 0
            end
        ) as rejected_count,
        sum(
            case when reason = 'duplicate_prediction' then entry_count else 0 end
        ) as duplicate_count
    from input_entries
    where grain = 'label_event' or entry_type in ('prediction', 'rejection')
    group by
        case
            when grain = 'overall' then 'rejected_share'
            else 'rejected_label_share'
        end,
        case when grain = 'overall' then recorded_date else metric_date end,
        recorded_date,
        model_name,
        model_version

),

known_entries as (

    select
        loaded_entries.*,
        as_of_dates.as_of_date,
        {{ log_loss.add_days(
            'as_of_dates.as_of_date', 1 - settings.evaluation_days
        ) }} as window_start_date
    from loaded_entries
    inner join as_of_dates
        on loaded_entries.recorded_date <= as_of_dates.as_of_date

),

-- A row that no clock can date may have come today, so it always counts, unless its
-- scope has gone quiet.
loaded_rows as (

    select
        as_of_date,
        window_start_date,
        rule,
        model_name,
        model_version,
        {% for name in ['row_count', 'rejected_count', 'duplicate_count'] -%}
        sum(
            case
                when
                    loaded_on = {{ log_loss.undated() }}
                    or loaded_on >= window_start_date
                then {{ name }}
                else 0
            end
        ) as {{ name }},
        {% endfor -%}
        max(loaded_on) as last_loaded_on
    from known_entries
    group by
        as_of_date,
        window_start_date,
        rule,
        model_name,
        model_version

),

-- rows that name no version are a share of the model's rows, rows that name no
-- model are a share of all
rejected_shares as (

    select
        as_of_date,
        rule,
        model_name,
        model_version,
        'all' as cohort_name,
        'all' as cohort_value,
        'all' as label,
        window_start_date,
        as_of_date as window_end_date,
        row_count,
        cast(null as {{ dbt.type_bigint() }}) as labeled_count,
        {{ null_double }} as label_coverage,
        {% for name in ['rejected', 'duplicate'] -%}
        {{ log_loss.safe_divide(name ~ '_count', "case
            when model_name = '(unknown)'
            then sum(row_count) over (partition by as_of_date, rule)
            when model_version = '(unknown)'
            then sum(row_count) over (partition by as_of_date, rule, model_name)
            else row_count
        end") }} as {{ name }}_share{{ ',' if not loop.last }}
        {% endfor %}
    from loaded_rows
    where
        last_loaded_on >= window_start_date
        or last_loaded_on = {{ log_loss.undated() }}

),

broken_sums as (

    select
        as_of_date,
        model_name,
        model_version,
        'all' as cohort_name,
        'all' as cohort_value,
        'all' as label,
        min(metric_date) as window_start_date,
        max(metric_date) as window_end_date,
        sum(case when cohort_name = 'all' then prediction_count else 0 end)
            as prediction_count,
        sum(case when cohort_name = 'all' then labeled_count else 0 end)
            as labeled_count,
        {{ null_double }} as label_coverage,
        cast(
            sum(
                {% for sum in [
                    'loss_sum', 'loss_squared_sum', 'clipped_loss_sum',
                    'weighted_loss_sum', 'weight_sum', 'brier_sum',
                ] -%}
                case
                    when abs({{ sum }}) <= {{ log_loss.largest_double() }} then 0
                    else 1
                end{{ ' +' if not loop.last }}
                {% endfor -%}
            ) as {{ log_loss.type_double() }}
        ) as non_finite_count
    from {{ ref('int_log_loss__daily_sums') }}
    group by
        as_of_date,
        model_name,
        model_version

)

{{ log_loss.measured_rules(measures) }}
