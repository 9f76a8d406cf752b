{%- set settings = log_loss.configuration() -%}
{%- set scope = log_loss.scope_columns() | join(', ') -%}
{%- set scope_of = log_loss.scope_columns -%}
{%- set null_double = 'cast(null as ' ~ log_loss.type_double() ~ ')' -%}
{%- set null_text = 'cast(null as ' ~ dbt.type_string() ~ ')' -%}
{%- set drift_days = log_loss.constants().drift_days | max -%}
{%- set measures = [
    {'rule': 'rule', 'from': 'increases', 'value': 'relative_increase',
     'sample': 'labeled_count', 'evaluated_by': 'test', 'scale': 'log'},
    {'rule': 'rule', 'from': 'burn_speeds', 'value': 'burn_rate',
     'sample': 'labeled_count', 'evaluated_by': 'test'},
    {'rule': "'label_coverage_drop'", 'from': 'coverage_drops', 'value': 'coverage_drop',
     'sample': 'prediction_count', 'evaluated_by': 'test', 'scale': 'share'},
    {'rule': "'log_loss_trend'", 'from': 'trends', 'value': 'relative_rise',
     'sample': 'labeled_count', 'evaluated_by': 'test'},
    {'rule': 'rule', 'from': 'miscalibrations', 'value': 'relative_excess',
     'sample': 'labeled_count', 'evaluated_by': 'test'},
    {'rule': 'rule', 'from': 'drifts', 'value': 'psi', 'sample': 'prediction_count',
     'evaluated_by': 'test'},
    {'rule': "'canary_difference'", 'from': 'canaries', 'value': 'difference',
     'sample': 'labeled_count', 'status': 'status'},
] -%}
-- What the rules measure that compare, with a baseline, with the scores or with earlier
-- predictions, and by how far what they find could be chance.
with

as_of_dates as (

    select * from {{ ref('int_log_loss__as_of_dates') }}

),

{{ log_loss.evaluated_losses() }},

losses as (

    select * from evaluated_losses
    where label = 'all'

),

comparisons as (

    select * from {{ ref('int_log_loss__baseline_comparisons') }}
    where
        measure = 'log_loss'
        and window_name = 'evaluation'

),

increases as (

    select
        case
            when evaluated.label <> 'all' then 'class_log_loss_increase'
            when evaluated.cohort_name <> 'all' then 'cohort_log_loss_increase'
            else 'mean_log_loss_increase'
        end as rule,
        evaluated.as_of_date,
        {{ scope_of('evaluated') | join(', ') }},
        evaluated.label,
        evaluated.window_start_date,
        evaluated.window_end_date,
        evaluated.labeled_count,
        evaluated.label_coverage,
        comparisons.relative_increase,
        comparisons.increase,
        comparisons.baseline_mean as baseline_value,
        comparisons.baseline_source,
        comparisons.standard_error,
        comparisons.degrees_of_freedom,
        comparisons.z_rows,
        comparisons.z_days,
        {{ log_loss.proven_p_value(
            'comparisons.p_value', 'comparisons.row_count', 'losses.rarest_label_count'
        ) }} as p_value
    from evaluated_losses as evaluated
    inner join losses
        on
            evaluated.as_of_date = losses.as_of_date
            and {{ log_loss.same_scope('evaluated', 'losses') }}
    -- without a baseline there is nothing to say, and the status says that
    left join comparisons
        on
            evaluated.as_of_date = comparisons.as_of_date
            and {{ log_loss.same_scope('evaluated', 'comparisons') }}
            and evaluated.label = comparisons.label
    where evaluated.label = 'all' or evaluated.cohort_name = 'all'

),

coverage_drops as (

    select
        as_of_date,
        {{ scope }},
        label,
        window_start_date,
        window_end_date,
        prediction_count,
        cast(round(prediction_count * (1 - mean_value)) as {{ dbt.type_bigint() }})
            as labeled_count,
        1 - mean_value as label_coverage,
        increase as coverage_drop,
        -- a share, that no least number of nats applies to
        {{ null_double }} as increase,
        1 - baseline_mean as baseline_value,
        baseline_source,
        standard_error,
        degrees_of_freedom,
        z_rows,
        z_days,
        {{ log_loss.proven_p_value('p_value', 'row_count') }} as p_value
    from {{ ref('int_log_loss__baseline_comparisons') }}
    where
        measure = 'unlabeled_share'
        and window_name = 'evaluation'

),

-- fast enough in the long window, and still in the short one
burn_rates as (

    select * from {{ ref('int_log_loss__baseline_comparisons') }}
    where window_name <> 'evaluation'

),

burn_speeds as (

    {% for rule, windows in [
        ('fast_burn_rate', settings.error_budget.page),
        ('slow_burn_rate', settings.error_budget.ticket),
    ] -%}
    select
        '{{ rule }}' as rule,
        long_rates.as_of_date,
        {{ scope_of('long_rates') | join(', ') }},
        'all' as label,
        long_rates.window_start_date,
        long_rates.window_end_date,
        long_rates.row_count as labeled_count,
        losses.label_coverage,
        case
            when short_rates.burn_rate < long_rates.burn_rate then short_rates.burn_rate
            else long_rates.burn_rate
        end as burn_rate,
        long_rates.increase,
        long_rates.baseline_mean as baseline_value,
        long_rates.baseline_source,
        {{ null_double }} as z_rows,
        {{ null_double }} as z_days,
        {{ log_loss.proven_p_value(
            'long_rates.p_value', 'long_rates.row_count', 'losses.rarest_label_count'
        ) }} as p_value
    from burn_rates as long_rates
    inner join burn_rates as short_rates
        on
            long_rates.as_of_date = short_rates.as_of_date
            and {{ log_loss.same_scope('long_rates', 'short_rates') }}
    inner join losses
        on
            long_rates.as_of_date = losses.as_of_date
            and {{ log_loss.same_scope('long_rates', 'losses') }}
    where
        long_rates.window_days = {{ windows.long_days }}
        and short_rates.window_days = {{ windows.short_days }}
    {%- if not loop.last %}

    union all

    {% endif %}
    {%- endfor %}

),

days_of_trends as (

    select
        as_of_date,
        {{ scope }},
        metric_date,
        labeled_count,
        loss_sum
    from {{ ref('int_log_loss__evaluation_days') }}
    where
        window_name = '{{ log_loss.window_name(settings.error_budget.days) }}'
        and labeled_count > 0

),

{{ log_loss.fitted_trends('days_of_trends', settings.error_budget.days) }},

trends as (

    select
        trends.as_of_date,
        {{ scope_of('trends') | join(', ') }},
        'all' as label,
        trends.start_date as window_start_date,
        trends.end_date as window_end_date,
        trends.labeled_count,
        losses.label_coverage,
        {{ log_loss.safe_divide(
            'trends.rise', 'trends.mean_log_loss'
        ) }} as relative_rise,
        trends.rise as increase,
        {{ null_double }} as baseline_value,
        {{ null_text }} as baseline_source,
        {{ null_double }} as z_rows,
        {{ null_double }} as z_days,
        {{ log_loss.proven_p_value(
            'trends.p_value', 'trends.labeled_count', 'losses.rarest_label_count'
        ) }} as p_value
    from fitted_trends as trends
    inner join losses
        on
            trends.as_of_date = losses.as_of_date
            and {{ log_loss.same_scope('trends', 'losses') }}

),

-- the labels beside what the scores promised; no status, and no value to go by, while
-- nobody knows how days vary
miscalibrations as (

    select
        rule,
        as_of_date,
        {{ scope }},
        'all' as label,
        window_start_date,
        window_end_date,
        labeled_count,
        label_coverage,
        case when autocorrelation is not null then relative_excess end
            as relative_excess,
        -- nats, that the least number of them applies to; or a share, that it does not
        case when rule = 'calibration_gap' then abs(mean_excess) end as increase,
        expected_mean as baseline_value,
        {{ null_text }} as baseline_source,
        z_rows,
        z_days,
        {{ log_loss.proven_p_value(
            'p_value', 'labeled_count', 'rarer_outcome_count'
        ) }} as p_value
    from {{ ref('int_log_loss__calibration_tests') }}

),

-- the last days as they were known on each date
recent_drifts as (

    select
        *,
        row_number() over (
            partition by as_of_date, model_name, model_version, feature
            order by metric_date desc
        ) as recency_rank
    from {{ ref('int_log_loss__drifts') }}
    where
        window_days = {{ drift_days }}
        and metric_date <= as_of_date
        and metric_date > {{ log_loss.add_days('as_of_date', -drift_days) }}

),

-- a feature stands where others have a cohort
drifts as (

    select
        case when feature = '(score)' then 'score_drift' else 'feature_drift' end
            as rule,
        as_of_date,
        model_name,
        model_version,
        case when feature = '(score)' then 'all' else feature end as cohort_name,
        'all' as cohort_value,
        'all' as label,
        {{ log_loss.add_days('metric_date', 1 - drift_days) }} as window_start_date,
        metric_date as window_end_date,
        prediction_count,
        cast(null as {{ dbt.type_bigint() }}) as labeled_count,
        {{ null_double }} as label_coverage,
        psi,
        {{ null_double }} as increase,
        psi_if_unchanged as baseline_value,
        {{ null_text }} as baseline_source,
        {{ null_double }} as z_rows,
        {{ null_double }} as z_days,
        p_value
    from recent_drifts
    where recency_rank = 1

),

-- one that has left harms nobody any more
canaries_deployed as (

    select
        model_name,
        model_version,
        max(
            coalesce(
                cast(retired_at as date), {{ log_loss.far_date() }}
            )
        ) as end_date
    from {{ ref('stg_log_loss__deployments') }}
    where
        role = 'canary'
        and deployed_at is not null
    group by
        model_name,
        model_version

),

-- the last look at each canary; a shadow harms nobody
ranked_looks as (

    select
        as_of_dates.as_of_date,
        looks.model_name,
        looks.candidate_version as model_version,
        'all' as cohort_name,
        'all' as cohort_value,
        'all' as label,
        looks.metric_date as window_start_date,
        looks.metric_date as window_end_date,
        looks.candidate_labeled_count as labeled_count,
        {{ null_double }} as label_coverage,
        looks.difference,
        case looks.decision when 'rollback' then 'error' else 'ok' end
            as status,
        row_number() over (
            partition by
                as_of_dates.as_of_date,
                looks.model_name,
                looks.candidate_version
            order by
                looks.metric_date desc,
                case looks.decision when 'rollback' then 0 else 1 end asc,
                looks.serving_version asc
        ) as look_rank
    from {{ ref('int_log_loss__canary_decisions') }} as looks
    inner join canaries_deployed
        on
            looks.model_name = canaries_deployed.model_name
            and looks.candidate_version = canaries_deployed.model_version
    inner join as_of_dates
        on
            looks.as_of_date <= as_of_dates.as_of_date
            and canaries_deployed.end_date > as_of_dates.as_of_date
            and looks.metric_date > {{ log_loss.add_days(
                'as_of_dates.as_of_date',
                -settings.mature_days - settings.evaluation_days
            ) }}
    where looks.role = 'canary'

),

canaries as (

    select * from ranked_looks
    where look_rank = 1

)

{{ log_loss.measured_rules(measures) }}
