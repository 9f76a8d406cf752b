{%- set estimation = log_loss.estimation() -%}
{%- set keys = log_loss.estimate_keys() -%}
{#- so many past errors tell how large they are -#}
{%- set least_date_count -%}
case
            when weekday = 0 then {{ estimation.least_error_days }}
            else {{ estimation.least_error_weeks }}
        end
{%- endset -%}
{%- set z = log_loss.z_95() -%}
with

estimates as (

    select * from {{ ref('int_log_loss__estimates') }}

),

{{ log_loss.with_past_errors('estimates', 'evaluated_estimates') }},

-- the two that labels bear out, side by side
counted_rivals as (

    select
        *,
        count(estimate) over (partition by {{ keys | join(', ') }}) as rival_count
    from estimates
    where estimator in ('completeness_weighted', 'post_stratified')

),

-- where there are both, each is known by its errors on the days that had both
contests as (

    select * from counted_rivals
    where rival_count = 2

),

{{ log_loss.with_past_errors('contests', 'evaluated_contests') }},

all_rivals as (

    select
        {{ keys | join(', ') }},
        estimator,
        weekday,
        estimate,
        past_error,
        past_date_count
    from evaluated_contests

    union all

    select
        {{ keys | join(', ') }},
        estimator,
        weekday,
        estimate,
        cast(null as {{ log_loss.type_double() }}) as past_error,
        cast(null as {{ dbt.type_bigint() }}) as past_date_count
    from counted_rivals
    where rival_count < 2

),

rivals as (

    select
        {{ keys | join(', ') }},
        max(past_date_count) as date_count,
        {{ least_date_count | replace('weekday', 'max(weekday)') }} as least_date_count,
        {% for estimator in ['completeness_weighted', 'post_stratified'] -%}
        max(case when estimator = '{{ estimator }}' then estimate end)
            as {{ estimator }},
        max(case when estimator = '{{ estimator }}' then past_error end)
            as {{ estimator }}_error{{ ',' if not loop.last }}
        {% endfor %}
    from all_rivals
    group by {{ keys | join(', ') }}

),

choices as (

    select
        {{ keys | join(', ') }},
        case
            when completeness_weighted is null and post_stratified is null then null
            when completeness_weighted is null then 'post_stratified'
            when post_stratified is null then 'completeness_weighted'
            when
                date_count >= least_date_count
                and post_stratified_error
                <= {{ log_loss.double(0.9) }} * completeness_weighted_error
            then 'post_stratified'
            else 'completeness_weighted'
        end as chosen_estimator
    from rivals

),

chosen as (

    select
        {% for key in keys -%}
        choices.{{ key }},
        {% endfor -%}
        'chosen' as estimator,
        so_far.weekday,
        choices.chosen_estimator,
        evaluated_estimates.estimate,
        evaluated_estimates.standard_error,
        evaluated_estimates.day_error,
        evaluated_estimates.past_error as error_of_estimator,
        evaluated_estimates.past_date_count as date_count_of_estimator,
        case when choices.chosen_estimator is null then 'no_estimate' end as reason,
        so_far.prediction_count,
        so_far.labeled_count,
        so_far.realised_loss,
        evaluated_estimates.relative_error
    from choices
    inner join evaluated_estimates as so_far
        on
            {{ log_loss.same_columns(keys, 'choices', 'so_far') }}
            and so_far.estimator = 'so_far'
    left join evaluated_estimates
        on
            {{ log_loss.same_columns(keys, 'choices', 'evaluated_estimates') }}
            and choices.chosen_estimator = evaluated_estimates.estimator

),

{{ log_loss.with_past_errors('chosen', 'evaluated_choices') }},

all_estimates as (

    select
        {{ keys | join(', ') }},
        estimator,
        estimator as chosen_estimator,
        weekday,
        estimate,
        standard_error,
        day_error,
        past_error as error_of_estimator,
        past_date_count as date_count_of_estimator,
        reason,
        prediction_count,
        labeled_count,
        realised_loss,
        relative_error,
        past_error,
        past_date_count
    from evaluated_estimates

    union all

    select
        {{ keys | join(', ') }},
        estimator,
        chosen_estimator,
        weekday,
        estimate,
        standard_error,
        day_error,
        error_of_estimator,
        date_count_of_estimator,
        reason,
        prediction_count,
        labeled_count,
        realised_loss,
        relative_error,
        past_error,
        past_date_count
    from evaluated_choices

),

counted_errors as (

    select
        *,
        {{ least_date_count }} as least_date_count
    from all_estimates

),

errors as (

    select
        {{ keys | join(', ') }},
        estimator,
        chosen_estimator,
        estimate,
        case
            when estimator = 'so_far' then null
            -- its sample cannot tell whether a stratum's labels come by chance
            when chosen_estimator = 'post_stratified' and date_count_of_estimator = 0
            then null
            -- until errors tell how much days differ in speed, the triangle does
            when date_count_of_estimator < least_date_count and day_error is not null
            then sqrt(standard_error * standard_error + day_error * day_error)
            else standard_error
        end as sample_error,
        case when estimator <> 'so_far' then estimate * error_of_estimator end
            as error_in_the_past,
        -- windows that overlap tell little more than one; those that end on the same
        -- weekday do not
        case
            when weekday = 0
            then {{ log_loss.safe_divide('date_count_of_estimator', 'window_days') }}
            else date_count_of_estimator
        end as degrees_of_freedom,
        case
            when as_of_date = max(as_of_date) over (
                partition by
                    metric_date, window_days, model_name, model_version, estimator
            )
            then 1 = 1
            else 1 = 0
        end as is_latest,
        reason,
        prediction_count,
        labeled_count,
        realised_loss,
        relative_error,
        past_error,
        past_date_count,
        case
            when
                estimator <> 'chosen'
                and past_error is not null
                and past_date_count >= least_date_count
            then 1
            else 0
        end as is_ranked
    from counted_errors

),

ranked_errors as (

    select
        *,
        rank() over (
            partition by {{ keys | join(', ') }}, is_ranked
            -- to a millionth: what differs by rounding alone is a tie
            order by floor(past_error * 1000000 + {{ log_loss.double('0.5') }})
        ) as error_rank
    from errors

),

-- of the past errors few are known, and so their quantile is that of t
margins as (

    select
        *,
        {{ z }} * sample_error as sample_margin,
        error_in_the_past * case
            when degrees_of_freedom > 3
            then {{ log_loss.student_t_quantile(z, 'degrees_of_freedom') }}
            else {{ log_loss.student_t_quantile(z, 3) }}
        end as past_margin
    from ranked_errors

),

wider_margins as (

    select
        *,
        case
            when error_in_the_past > sample_error then error_in_the_past
            else sample_error
        end as wider_error,
        case
            when past_margin > sample_margin then past_margin
            else sample_margin
        end as margin
    from margins

),

-- the others are there for what these remember
shown as (

    select wider_margins.*
    from wider_margins
    inner join {{ ref('int_log_loss__clock') }} as clock
        on wider_margins.as_of_date > {{ log_loss.add_days(
            'clock.last_whole_date', -estimation.history_days
        ) }}

)

select
    metric_date,
    cast(window_days as {{ dbt.type_bigint() }}) as window_days,
    model_name,
    model_version,
    cast(age_days as {{ dbt.type_bigint() }}) as age_days,
    as_of_date,
    estimator,
    chosen_estimator,
    is_latest,
    estimator not in ('label_free', 'label_free_recalibrated') as is_verifiable,
    cast(prediction_count as {{ dbt.type_bigint() }}) as prediction_count,
    cast(labeled_count as {{ dbt.type_bigint() }}) as labeled_count,
    {{ log_loss.safe_divide('labeled_count', 'prediction_count') }} as label_coverage,
    estimate as estimated_log_loss,
    wider_error as standard_error,
    {% for side, sign in {'lower': '-', 'upper': ''}.items() -%}
    case
        when estimate > 0 and margin <= 700 * estimate
        then estimate * exp({{ sign }}margin / estimate)
    end as estimate_ci_{{ side }},
    {% endfor -%}
    reason,
    realised_loss as realised_log_loss,
    estimate - realised_loss as estimate_error,
    relative_error,
    past_error,
    cast(past_date_count as {{ dbt.type_bigint() }}) as past_date_count,
    cast(
        case when is_ranked = 1 then error_rank end as {{ dbt.type_bigint() }}
    ) as past_error_rank
from shown
