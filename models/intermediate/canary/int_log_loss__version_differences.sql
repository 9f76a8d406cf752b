{%- set settings = log_loss.configuration() -%}
{%- set step = [
    'model_name', 'candidate_version', 'serving_version', 'role', 'through_date',
    'as_of_date',
] -%}
{%- set look = ['method'] + step -%}
{%- set sides = ['candidate', 'serving'] -%}
{%- set is_shared = 'candidate_count > 0 and serving_count > 0' -%}
-- How much worse a candidate is than what serves, at each look: within days and strata,
-- and on the requests that both scored.
with

compared_days as (

    select * from {{ ref('int_log_loss__compared_days') }}

),

day_states as (

    select * from {{ ref('int_log_loss__day_states') }}

),

-- what was known at a look of each side's days, by stratum and label
side_sums as (

    {% for side in sides -%}
    select
        compared_days.*,
        day_states.cohort_value as stratum,
        day_states.label,
        {% for other in sides -%}
        {% for sum, name in [
            ('labeled_count', 'count'), ('loss_sum', 'loss_sum'),
            ('loss_squared_sum', 'loss_squared_sum'),
        ] -%}
        {{ 'day_states.' ~ sum if side == other else '0' }} as {{ other }}_{{ name }}
        {{- ',' if not loop.last }}
        {% endfor -%}
        {{ ',' if not loop.last }}
        {% endfor %}
    from compared_days
    inner join day_states
        on
            compared_days.model_name = day_states.model_name
            and compared_days.{{ side }}_version = day_states.model_version
            and compared_days.metric_date = day_states.metric_date
            and compared_days.as_of_date >= day_states.known_from
            and compared_days.as_of_date < day_states.known_until
    where
        day_states.label <> 'all'
        and day_states.cohort_name = {{ log_loss.text_literal(settings.stratum) }}
    {%- if not loop.last %}

    union all

    {% endif %}
    {%- endfor %}

),

label_cells as (

    select
        {{ step | join(', ') }},
        metric_date,
        stratum,
        label,
        {% for side in sides -%}
        sum({{ side }}_count) as {{ side }}_count,
        sum({{ side }}_loss_sum) as {{ side }}_loss_sum,
        sum({{ side }}_loss_squared_sum) as {{ side }}_loss_squared_sum
        {{- ',' if not loop.last }}
        {% endfor %}
    from side_sums
    group by
        {{ step | join(', ') }},
        metric_date,
        stratum,
        label

),

-- a cell is one day of one stratum
cells as (

    select
        {{ step | join(', ') }},
        metric_date,
        stratum,
        {% for side in sides -%}
        sum({{ side }}_count) as {{ side }}_count,
        sum({{ side }}_loss_sum) as {{ side }}_loss_sum,
        sum({{ side }}_loss_squared_sum) as {{ side }}_loss_squared_sum
        {{- ',' if not loop.last }}
        {% endfor %}
    from label_cells
    group by
        {{ step | join(', ') }},
        metric_date,
        stratum

),

pair_cells as (

    select
        {% for column in step -%}
        compared_days.{{ column }},
        {% endfor -%}
        compared_days.metric_date,
        pair_sums.label,
        pair_sums.pair_count,
        pair_sums.difference_sum,
        pair_sums.difference_squared_sum,
        pair_sums.serving_loss_sum
    from compared_days
    inner join {{ ref('int_log_loss__pair_sums') }} as pair_sums
        on
            compared_days.model_name = pair_sums.model_name
            and compared_days.candidate_version = pair_sums.candidate_version
            and compared_days.serving_version = pair_sums.serving_version
            and compared_days.metric_date = pair_sums.metric_date
            and compared_days.as_of_date >= pair_sums.known_from
            and compared_days.as_of_date < pair_sums.known_until
    where pair_sums.pair_count > 0

),

-- how many labels of the rarer class each side has; a pair is one of both ---------

class_counts as (

    {% for method, relation, counts in [
        ('stratified', 'label_cells', sides),
        ('paired', 'pair_cells', ['pair', 'pair']),
    ] -%}
    select
        '{{ method }}' as method,
        {{ step | join(', ') }},
        label,
        {{ log_loss.class_count() }} as class_count,
        {% for side in sides -%}
        sum({{ counts[loop.index0] }}_count) as {{ side }}_count
        {{- ',' if not loop.last }}
        {% endfor %}
    from {{ relation }}
    group by
        {{ step | join(', ') }},
        label
    {%- if not loop.last %}

    union all

    {% endif %}
    {%- endfor %}

),

rarest as (

    select
        {{ look | join(', ') }},
        {% for side in sides -%}
        {{ log_loss.rarest_label_count(side ~ '_count') }} as {{ side }}_rarest_count
        {{- ',' if not loop.last }}
        {% endfor %}
    from class_counts
    group by {{ look | join(', ') }}

),

-- the difference, and how it varies between days -----------------------------------

-- a cell weighs n_c n_b / (n_c + n_b)
shared_cells as (

    select
        *,
        {{ log_loss.safe_divide(
            'candidate_count * serving_count', 'candidate_count + serving_count'
        ) }} as weight,
        candidate_loss_sum / candidate_count - serving_loss_sum / serving_count
            as difference,
        {% for side in sides -%}
        case
            when
                {{ side }}_loss_squared_sum
                > {{ side }}_loss_sum * {{ side }}_loss_sum / {{ side }}_count
            then
                {{ side }}_loss_squared_sum
                - {{ side }}_loss_sum * {{ side }}_loss_sum / {{ side }}_count
            else 0
        end as {{ side }}_squares{{ ',' if not loop.last }}
        {% endfor %}
    from cells
    where {{ is_shared }}

),

-- a pair weighs 1
days as (

    select
        'stratified' as method,
        {{ step | join(', ') }},
        metric_date,
        sum(candidate_count + serving_count) as labeled_count,
        sum(weight) as weight,
        sum(weight * difference) / sum(weight) as difference
    from shared_cells
    group by
        {{ step | join(', ') }},
        metric_date

    union all

    select
        'paired' as method,
        {{ step | join(', ') }},
        metric_date,
        sum(pair_count) as labeled_count,
        {{ log_loss.double('sum(pair_count)') }} as weight,
        sum(difference_sum) / sum(pair_count) as difference
    from pair_cells
    group by
        {{ step | join(', ') }},
        metric_date

),

day_ranks as (

    select
        *,
        sum(weight) over (partition by {{ look | join(', ') }}) as total_weight,
        sum(weight * difference) over (partition by {{ look | join(', ') }})
        / sum(weight) over (partition by {{ look | join(', ') }}) as total_difference,
        count(*) over (
            partition by {{ look | join(', ') }}
            order by metric_date
            rows between unbounded preceding and current row
        ) as day_number
    from days

),

first_week as (

    select
        {{ look | join(', ') }},
        labeled_count,
        row_number() over (
            partition by {{ look | join(', ') }}
            order by labeled_count, metric_date
        ) as size_rank
    from day_ranks
    where day_number <= 7

),

median_sizes as (

    select
        {{ look | join(', ') }},
        max(case when size_rank = 4 then labeled_count end) as median_labeled_count
    from first_week
    group by {{ look | join(', ') }}
    having count(*) = 7

),

-- the variance between T days is T / (T - 1) sum W_t^2 (d_t - d)^2 / W^2
day_differences as (

    select
        {{ look | join(', ') }},
        count(*) as day_count,
        max(total_difference) as difference,
        case
            when count(*) >= 7
            then
                {{ log_loss.safe_divide('count(*)', 'count(*) - 1') }}
                * sum(
                    weight * weight
                    * (difference - total_difference) * (difference - total_difference)
                ) / (max(total_weight) * max(total_weight))
        end as day_variance
    from day_ranks
    group by {{ look | join(', ') }}

),

differences as (

    select
        day_differences.*,
        rarest.candidate_rarest_count,
        rarest.serving_rarest_count,
        median_sizes.median_labeled_count
    from day_differences
    inner join rarest
        on {{ log_loss.same_columns(look, 'day_differences', 'rarest') }}
    left join median_sizes
        on {{ log_loss.same_columns(look, 'day_differences', 'median_sizes') }}

),

-- how the losses vary from row to row ----------------------------------------------

strata as (

    select
        {{ step | join(', ') }},
        stratum,
        sum(weight) as weight,
        {% for side in sides -%}
        sum(weight * weight / {{ side }}_count) as {{ side }}_weight_squares,
        {{ log_loss.safe_divide(
            'sum(' ~ side ~ '_squares)', 'sum(' ~ side ~ '_count - 1)'
        ) }} as {{ side }}_variance,
        {% endfor -%}
        {{ log_loss.safe_divide(
            'sum(candidate_squares + serving_squares)',
            'sum(candidate_count + serving_count - 2)'
        ) }} as pooled_variance,
        sum(candidate_squares + serving_squares) as squares,
        sum(candidate_count + serving_count - 2) as degrees_of_freedom
    from shared_cells
    group by
        {{ step | join(', ') }},
        stratum

),

-- a stratum of single rows has no variance of its own, and takes that of all
whole_strata as (

    select
        *,
        {{ log_loss.safe_divide(
            'sum(squares) over (partition by ' ~ step | join(', ') ~ ')',
            'sum(degrees_of_freedom) over (partition by ' ~ step | join(', ') ~ ')'
        ) }} as common_variance
    from strata

),

row_errors as (

    select
        {{ step | join(', ') }},
        sum(
            {% for side in sides -%}
            coalesce({{ side }}_variance, pooled_variance, common_variance)
            * {{ side }}_weight_squares{{ ' +' if not loop.last }}
            {% endfor -%}
        ) / (sum(weight) * sum(weight)) as welch_variance,
        sum(coalesce(pooled_variance, common_variance) * weight)
        / (sum(weight) * sum(weight)) as pooled_variance
    from whole_strata
    group by {{ step | join(', ') }}

),

totals as (

    select
        {{ step | join(', ') }},
        {% for side in sides -%}
        sum({{ side }}_count) as all_{{ side }}_count,
        sum(case when {{ is_shared }} then {{ side }}_count end) as {{ side }}_count,
        {% endfor -%}
        sum(case when {{ is_shared }} then serving_loss_sum end) as serving_loss_sum
    from cells
    group by {{ step | join(', ') }}

),

pair_totals as (

    select
        {{ step | join(', ') }},
        sum(pair_count) as pair_count,
        sum(serving_loss_sum) / sum(pair_count) as serving_mean_log_loss,
        {{ log_loss.sample_stddev(
            'sum(difference_sum)', 'sum(difference_squared_sum)', 'sum(pair_count)'
        ) }} / sqrt(sum(pair_count)) as pair_error
    from pair_cells
    group by {{ step | join(', ') }}

)

select
    {% for column in look -%}
    differences.{{ column }},
    {% endfor -%}
    differences.day_count,
    differences.difference,
    totals.candidate_count,
    totals.serving_count,
    totals.candidate_count + totals.serving_count as pooled_count,
    {{ log_loss.safe_divide('totals.candidate_count', 'totals.all_candidate_count') }}
        as overlap_share,
    {{ log_loss.safe_divide('totals.serving_loss_sum', 'totals.serving_count') }}
        as serving_mean_log_loss,
    differences.candidate_rarest_count,
    differences.serving_rarest_count,
    differences.median_labeled_count,
    -- the largest of three
    sqrt(
        case
            when
                coalesce(differences.day_variance, 0) >= row_errors.welch_variance
                and coalesce(differences.day_variance, 0)
                >= row_errors.pooled_variance
            then differences.day_variance
            when row_errors.welch_variance >= row_errors.pooled_variance
            then row_errors.welch_variance
            else row_errors.pooled_variance
        end
    ) as standard_error
from differences
inner join totals
    on {{ log_loss.same_columns(step, 'differences', 'totals') }}
inner join row_errors
    on {{ log_loss.same_columns(step, 'differences', 'row_errors') }}
where differences.method = 'stratified'

union all

select
    {% for column in look -%}
    differences.{{ column }},
    {% endfor -%}
    differences.day_count,
    differences.difference,
    pair_totals.pair_count as candidate_count,
    pair_totals.pair_count as serving_count,
    pair_totals.pair_count as pooled_count,
    {{ log_loss.safe_divide('pair_totals.pair_count', 'totals.all_candidate_count') }}
        as overlap_share,
    pair_totals.serving_mean_log_loss,
    differences.candidate_rarest_count,
    differences.serving_rarest_count,
    differences.median_labeled_count,
    -- the larger of two
    case
        when sqrt(coalesce(differences.day_variance, 0)) > pair_totals.pair_error
        then sqrt(differences.day_variance)
        else pair_totals.pair_error
    end as standard_error
from differences
inner join totals
    on {{ log_loss.same_columns(step, 'differences', 'totals') }}
inner join pair_totals
    on {{ log_loss.same_columns(step, 'differences', 'pair_totals') }}
where differences.method = 'paired'
