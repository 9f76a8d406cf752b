{%- set settings = log_loss.configuration() -%}
{%- set scope = log_loss.scope_columns() | join(', ') -%}
{%- set scope_of = log_loss.scope_columns -%}
{%- set keys = [
    'measure', 'window_name', 'as_of_date'
] + log_loss.scope_columns() + ['label'] -%}
{%- set window = keys | join(', ') -%}
{%- set loss_sums = [
    'clipped_count', 'weighted_count', 'weighted_loss_sum', 'weight_sum',
] -%}
{%- set age_date = log_loss.add_days('metric_date', settings.evaluation_days) -%}
{%- set no_rest -%}
cast(null as {{ dbt.type_bigint() }}) as rest_row_count,
        cast(null as {{ log_loss.type_double() }}) as rest_value_sum,
        cast(null as {{ log_loss.type_double() }}) as rest_value_squared_sum
{%- endset -%}
{%- set no_count = 'cast(null as ' ~ dbt.type_bigint() ~ ')' -%}
{%- set no_sum = 'cast(null as ' ~ log_loss.type_double() ~ ')' %}

-- What was known, at the end of each as-of date, of the evaluated days, their baseline
-- and the windows that end with them.
with

evaluation_days as (

    select * from {{ ref('int_log_loss__evaluation_days') }}

),

day_states as (

    select * from {{ ref('int_log_loss__day_states') }}

),

-- how many labels were there once a day was so old: its age does not depend on how fast
-- they come, as being mature does
days_at_age as (

    select
        *,
        prediction_count - labeled_count as unlabeled_count
    from day_states
    where
        label = 'all'
        and prediction_count > 0
        and known_from <= {{ age_date }}
        and known_until > {{ age_date }}

),

evaluated_scopes as (

    select distinct
        as_of_date,
        {{ scope }}
    from evaluation_days
    where window_name = 'evaluation'

),

window_days as (

    -- a cohort beside the other rows of its version on the same day; beside the whole
    -- there are none
    select
        'log_loss' as measure,
        evaluation_days.window_name,
        evaluation_days.as_of_date,
        evaluation_days.metric_date,
        {{ scope_of('evaluation_days') | join(', ') }},
        'all' as label,
        evaluation_days.measured_version,
        evaluation_days.prediction_count,
        evaluation_days.labeled_count as row_count,
        evaluation_days.loss_sum as value_sum,
        evaluation_days.loss_squared_sum as value_squared_sum,
        wholes.labeled_count - evaluation_days.labeled_count as rest_row_count,
        wholes.loss_sum - evaluation_days.loss_sum as rest_value_sum,
        wholes.loss_squared_sum - evaluation_days.loss_squared_sum
            as rest_value_squared_sum,
        {% for sum in loss_sums -%}
        evaluation_days.{{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from evaluation_days
    left join day_states as wholes
        on
            evaluation_days.model_name = wholes.model_name
            and evaluation_days.measured_version = wholes.model_version
            and evaluation_days.metric_date = wholes.metric_date
            and evaluation_days.as_of_date >= wholes.known_from
            and evaluation_days.as_of_date < wholes.known_until
            and wholes.cohort_name = 'all'
            and wholes.label = 'all'

    union all

    select
        'log_loss' as measure,
        evaluation_days.window_name,
        evaluation_days.as_of_date,
        evaluation_days.metric_date,
        {{ scope_of('evaluation_days') | join(', ') }},
        day_states.label,
        evaluation_days.measured_version,
        evaluation_days.prediction_count,
        day_states.labeled_count as row_count,
        day_states.loss_sum as value_sum,
        day_states.loss_squared_sum as value_squared_sum,
        {{ no_rest }},
        {% for sum in loss_sums -%}
        day_states.{{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from evaluation_days
    inner join day_states
        on
            evaluation_days.model_name = day_states.model_name
            and evaluation_days.measured_version = day_states.model_version
            and evaluation_days.cohort_name = day_states.cohort_name
            and evaluation_days.cohort_value = day_states.cohort_value
            and evaluation_days.metric_date = day_states.metric_date
            and evaluation_days.as_of_date >= day_states.known_from
            and evaluation_days.as_of_date < day_states.known_until
    where
        day_states.label <> 'all'
        and (
            evaluation_days.window_name = 'evaluation'
            or (
                evaluation_days.window_name = 'baseline'
                and evaluation_days.cohort_name = 'all'
            )
        )

    union all

    select
        'unlabeled_share' as measure,
        'evaluation' as window_name,
        evaluated_scopes.as_of_date,
        days_at_age.metric_date,
        {{ scope_of('evaluated_scopes') | join(', ') }},
        'all' as label,
        days_at_age.model_version as measured_version,
        days_at_age.prediction_count,
        days_at_age.prediction_count as row_count,
        days_at_age.unlabeled_count as value_sum,
        days_at_age.unlabeled_count as value_squared_sum,
        wholes.prediction_count - days_at_age.prediction_count as rest_row_count,
        wholes.unlabeled_count - days_at_age.unlabeled_count as rest_value_sum,
        wholes.unlabeled_count - days_at_age.unlabeled_count as rest_value_squared_sum,
        {% for sum in loss_sums -%}
        {{ no_count if sum.endswith('count') else no_sum }} as {{ sum }}
        {{- ',' if not loop.last }}
        {% endfor %}
    from evaluated_scopes
    inner join days_at_age
        on
            {{ log_loss.same_scope('evaluated_scopes', 'days_at_age') }}
            and days_at_age.metric_date > {{ log_loss.add_days(
                'evaluated_scopes.as_of_date', -2 * settings.evaluation_days
            ) }}
            and days_at_age.metric_date <= {{ log_loss.add_days(
                'evaluated_scopes.as_of_date', -settings.evaluation_days
            ) }}
    left join days_at_age as wholes
        on
            days_at_age.model_name = wholes.model_name
            and days_at_age.model_version = wholes.model_version
            and days_at_age.metric_date = wholes.metric_date
            and wholes.cohort_name = 'all'

    union all

    select
        'unlabeled_share' as measure,
        'baseline' as window_name,
        evaluation_days.as_of_date,
        days_at_age.metric_date,
        {{ scope_of('evaluation_days') | join(', ') }},
        'all' as label,
        evaluation_days.measured_version,
        days_at_age.prediction_count,
        days_at_age.prediction_count as row_count,
        days_at_age.unlabeled_count as value_sum,
        days_at_age.unlabeled_count as value_squared_sum,
        wholes.prediction_count - days_at_age.prediction_count as rest_row_count,
        wholes.unlabeled_count - days_at_age.unlabeled_count as rest_value_sum,
        wholes.unlabeled_count - days_at_age.unlabeled_count as rest_value_squared_sum,
        {% for sum in loss_sums -%}
        {{ no_count if sum.endswith('count') else no_sum }} as {{ sum }}
        {{- ',' if not loop.last }}
        {% endfor %}
    from evaluation_days
    inner join days_at_age
        on
            evaluation_days.model_name = days_at_age.model_name
            and evaluation_days.measured_version = days_at_age.model_version
            and evaluation_days.cohort_name = days_at_age.cohort_name
            and evaluation_days.cohort_value = days_at_age.cohort_value
            and evaluation_days.metric_date = days_at_age.metric_date
    left join days_at_age as wholes
        on
            days_at_age.model_name = wholes.model_name
            and days_at_age.model_version = wholes.model_version
            and days_at_age.metric_date = wholes.metric_date
            and wholes.cohort_name = 'all'
    where
        evaluation_days.window_name = 'baseline'
        -- these windows end later than those of the losses, where labels are fast
        and evaluation_days.age_days >= {{
            2 * settings.evaluation_days + settings.baseline.gap_days
        }}

),

day_means as (

    select
        *,
        {{ log_loss.safe_divide('value_sum', 'row_count') }} as day_mean,
        {{ log_loss.safe_divide('rest_value_sum', 'rest_row_count') }} as rest_day_mean,
        {{ log_loss.safe_divide(
            'sum(weighted_loss_sum) over (partition by ' ~ window ~ ')',
            'sum(weight_sum) over (partition by ' ~ window ~ ')'
        ) }} as weighted_mean
    from window_days

),

-- What makes a day bad multiplies its losses, and so the level of a loss is its
-- logarithm; that of a share is the share.
day_levels as (

    select
        *,
        {{ log_loss.evaluation_level('day_mean', 'rest_day_mean') }}
            as day_level
    from day_means

),

deviations as (

    select
        *,
        case when day_level is null then 0 else 1 end as is_measured,
        day_level - avg(day_level) over (partition by {{ window }}) as deviation,
        weighted_loss_sum - {{ log_loss.multiply('weighted_mean', 'weight_sum') }}
            as weighted_deviation
    from day_levels

),

-- from one day that has rows to the next
neighbours as (

    select
        *,
        lead(deviation) over (
            partition by {{ window }}, is_measured
            order by metric_date
        ) as next_deviation
    from deviations

),

windows as (

    select
        {{ keys | join(', ') }},
        min(measured_version) as measured_version,
        min(metric_date) as start_date,
        max(metric_date) as end_date,
        sum(prediction_count) as prediction_count,
        {% for sum in ['row_count', 'value_sum', 'value_squared_sum'] -%}
        sum({{ log_loss.double(sum) }}) as {{ sum }},
        -- the level is that of the days that have one
        sum(is_measured * {{ log_loss.double(sum) }}) as level_{{ sum }},
        sum(is_measured * {{ log_loss.double('rest_' ~ sum) }}) as rest_{{ sum }},
        {% endfor -%}
        -- the rest's days weigh as the cohort's do
        sum(is_measured * row_count * rest_day_mean) as rest_weighted_sum,
        sum(
            {{ log_loss.safe_divide(
                'is_measured * row_count * ' ~ log_loss.double('row_count'),
                'rest_row_count'
            ) }}
        ) as rest_weight_squares,
        {% for sum in loss_sums -%}
        sum({{ sum }}) as {{ sum }},
        {% endfor -%}
        sum(is_measured) as day_count,
        sum(deviation * deviation) as deviation_squared_sum,
        sum(deviation * next_deviation) as deviation_product_sum,
        sum({{ log_loss.multiply(
            'weighted_deviation', 'weighted_deviation'
        ) }}) as weighted_deviation_squared_sum
    from neighbours
    group by
        {{ keys | join(', ') }}

),

means as (

    select
        *,
        {% for of in ['', 'level_'] -%}
        {{ log_loss.safe_divide(of ~ 'value_sum', of ~ 'row_count') }}
            as {{ of }}mean_value,
        {{ log_loss.sample_stddev(
            of ~ 'value_sum', of ~ 'value_squared_sum', of ~ 'row_count'
        ) }} as {{ of }}stddev,
        {% endfor -%}
        {{ log_loss.safe_divide('rest_weighted_sum', 'level_row_count') }}
            as rest_mean_value,
        {{ log_loss.sample_stddev(
            'rest_value_sum', 'rest_value_squared_sum', 'rest_row_count'
        ) }} as rest_stddev,
        {{ log_loss.safe_divide(
            log_loss.double(1), 'level_row_count'
        ) }} as level_weight,
        {{ log_loss.safe_divide(
            'rest_weight_squares', 'level_row_count * level_row_count'
        ) }} as rest_weight
    from windows

)

select
    {% for column in keys + ['measured_version', 'start_date', 'end_date'] -%}
    {{ column }},
    {% endfor -%}
    {% for count in [
        'prediction_count', 'row_count', 'clipped_count', 'weighted_count', 'day_count'
    ] -%}
    cast({{ count }} as {{ dbt.type_bigint() }}) as {{ count }},
    {% endfor -%}
    value_sum,
    value_squared_sum,
    weighted_loss_sum,
    weight_sum,
    mean_value,
    stddev as value_stddev,
    {{ log_loss.evaluation_level('level_mean_value', 'rest_mean_value') }}
        as level,
    -- of sampling rows, those of the rest as well
    {{ log_loss.level_variance(
        'level_mean_value', 'level_stddev', 'level_weight'
    ) }}
    + case
        when cohort_name <> 'all'
        then {{ log_loss.level_variance(
            'rest_mean_value', 'rest_stddev', 'rest_weight'
        ) }}
        else 0
    end as level_variance,
    deviation_squared_sum,
    deviation_product_sum,
    weighted_deviation_squared_sum
from means
