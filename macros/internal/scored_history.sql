{#
    Which label is the truth about which prediction, and when the warehouse knew it:
    what the ledger counts. A definition, not a table: no row of anybody's data is stored.

    The latest label event by `labeled_at` (ties: load time, then class) among those
    loaded so far is the truth; one of class 0 says that there is none, and withdraws what
    came before it. With r_i the load time of event i and p that of the
    prediction, event i is in force from max(p, r_i) until max(p, min of r_j over later
    events j); an empty interval was never in force.

    Emits these CTEs, the last without a trailing comma:

        ranked_predictions     valid rows that may repeat each other; the first-loaded
                               copy has load_rank 1
        accepted_predictions   one row per request, model and version
        ranked_labels          valid label events that may not be alone, likewise
        sequenced_labels       one row per such event, with superseded_at
        labels_in_force        events ever in force, with what came before and after
        scored                 each prediction with each labelled interval in force,
                               or with none: once

    Sorting is what costs most, and nearly every request is plain: one prediction and
    at most one label event, which is no withdrawal. A pass over everything therefore
    counts the hashes of the requests first and sorts only the others. A pass over few
    requests sorts them all. These CTEs, of a pass over everything, hold the hashes of
    what is not plain; two requests with one hash merely count as such.

        shared_requests        requests with several predictions; has_copies where
                               two of them are of one version
        revised_requests       requests with several label events, or a withdrawal

    touched: name of a CTE with the (request_id, model_name) to keep; none keeps all.
    since: SQL of the first date on which a row of these was recorded; none if unknown.
    now: only the label in force today instead of every one that ever was.
#}
{% macro scored_history(touched=none, since=none, now=false) -%}
{%- set settings = log_loss.configuration() -%}
{%- set probabilities = log_loss.probability_columns() -%}
{%- set cohorts = log_loss.cohort_columns() -%}
{%- set features = log_loss.feature_columns() -%}
{%- set counts_first = not (touched or now) -%}
{%- set request_key = ['staged.request_id', 'staged.model_name'] -%}
{%- set request_hash = log_loss.key_hash(request_key) -%}
{%- set squared_entropy = log_loss.multiply('entropy', 'entropy') -%}
{%- if counts_first -%}
crowded_requests as (

    select {{ request_hash }} as key_hash
    from {{ ref('stg_log_loss__predictions') }} as staged
    group by {{ request_hash }}
    having count(*) > 1

),

crowded_versions as (

    select
        {% if settings.unique_predictions -%}
        key_hash,
        1 as copy_count
    from crowded_requests
        {%- else -%}
        crowded_requests.key_hash,
        count(*) as copy_count
    from {{ ref('stg_log_loss__predictions') }} as staged
    inner join crowded_requests on {{ request_hash }} = crowded_requests.key_hash
    group by crowded_requests.key_hash, staged.model_version
        {%- endif %}

),

shared_requests as (

    select
        key_hash,
        case when max(copy_count) > 1 then 1 else 0 end as has_copies
    from crowded_versions
    group by key_hash

),

revised_requests as (

    select {{ request_hash }} as key_hash
    from {{ ref('stg_log_loss__labels') }} as staged
    group by {{ request_hash }}
    having count(*) > 1 or min(staged.class_index) = 0

),

{% endif -%}
ranked_predictions as (

    select
        staged.*,
        {% if settings.unique_predictions -%}
        1 as load_rank
        {%- else -%}
        row_number() over (
            partition by
                {{ request_key | join(', ') }}, staged.model_version
            order by
                staged.recorded_at,
                staged.predicted_at,
                {{ (probabilities + cohorts + features)
                    | join(', ') }},
                staged.weight
        ) as load_rank
        {%- endif %}
    from {{ ref('stg_log_loss__predictions') }} as staged
    {%- if counts_first %}
    inner join shared_requests
        on
            {{ request_hash }} = shared_requests.key_hash
            and shared_requests.has_copies = 1
    {%- endif %}
    {{- log_loss._join_touched(touched) }}
    where
        {{ log_loss.mostly_true('staged.rejection_reason is null') }}
        and {{ log_loss.may_be_recorded_since(since, 'staged') }}

),

first_predictions as (

    select
        {{ log_loss._prediction_columns() }},
        0 as is_single
    from ranked_predictions
    where {{ log_loss.mostly_true('load_rank = 1') }}
    {%- if counts_first %}

    union all

    select
        {{ log_loss._prediction_columns() }},
        case when shared_requests.key_hash is null then 1 else 0 end as is_single
    from {{ ref('stg_log_loss__predictions') }} as staged
    left join shared_requests on {{ request_hash }} = shared_requests.key_hash
    where
        {{ log_loss.mostly_true('staged.rejection_reason is null') }}
        and coalesce(shared_requests.has_copies, 0) = 0
    {%- endif %}

),

predictions_with_top_class as (

    select
        *,
        {{ log_loss.by_class_count('predicted_class') }} as predicted_class_index,
        {{ log_loss.entropy(probabilities) }} as entropy,
        {{ log_loss.squared_log_probability(probabilities) }}
            as squared_log_probability
    from first_predictions

),

accepted_predictions as (

    select
        *,
        {{ log_loss.by_class_count('top_probability') }} as score,
        -- the variance of the loss if the model is calibrated
        case
            when squared_log_probability > {{ squared_entropy }}
            then squared_log_probability - {{ squared_entropy }}
            else {{ log_loss.double(0) }}
        end as entropy_variance
    from predictions_with_top_class

),

ranked_labels as (

    select
        staged.*,
        row_number() over (
            partition by
                {{ request_key | join(', ') }}, staged.labeled_at, staged.class_index
            order by staged.recorded_at
        ) as load_rank
    from {{ ref('stg_log_loss__labels') }} as staged
    {%- if counts_first %}
    inner join revised_requests on {{ request_hash }} = revised_requests.key_hash
    {%- endif %}
    {{- log_loss._join_touched(touched) }}
    where
        {{ log_loss.mostly_true('staged.rejection_reason is null') }}
        and {{ log_loss.may_be_recorded_since(since, 'staged') }}

),

sequenced_labels as (

    select
        *,
        min(recorded_at) over (
            partition by request_id, model_name
            order by labeled_at, recorded_at, class_index
            rows between 1 following and unbounded following
        ) as superseded_at
    from ranked_labels
    where {{ log_loss.mostly_true('load_rank = 1') }}

),

labels_in_force as (

    select
        {{ log_loss._label_columns() }},
        superseded_at,
        -- when the last labelled interval before this one ended
        max(case when class_index > 0 then superseded_at end) over (
            partition by request_id, model_name
            order by labeled_at, recorded_at, class_index
            rows between unbounded preceding and 1 preceding
        ) as labeled_until,
        -- when the request last became labelled after having been unlabelled
        coalesce(
            max(case when class_index = 0 then superseded_at end) over (
                partition by request_id, model_name
                order by labeled_at, recorded_at, class_index
                rows between unbounded preceding and 1 preceding
            ),
            min(recorded_at) over (partition by request_id, model_name)
        ) as labeled_since,
        lead(class_index) over (
            partition by request_id, model_name
            order by labeled_at, recorded_at, class_index
        ) as next_class_index,
        0 as is_single
    from sequenced_labels
    where
        {{ log_loss.mostly_true(
            'superseded_at is null or superseded_at > recorded_at'
        ) }}
    {%- if counts_first %}

    union all

    -- nothing came before or after them
    select
        {{ log_loss._label_columns() }},
        cast(null as {{ log_loss.type_utc_timestamp() }}) as superseded_at,
        cast(null as {{ log_loss.type_utc_timestamp() }}) as labeled_until,
        recorded_at as labeled_since,
        cast(null as {{ dbt.type_int() }}) as next_class_index,
        1 as is_single
    from {{ ref('stg_log_loss__labels') }} as staged
    left join revised_requests on {{ request_hash }} = revised_requests.key_hash
    where
        {{ log_loss.mostly_true('staged.rejection_reason is null') }}
        and revised_requests.key_hash is null
    {%- endif %}

),

-- An open end is written as a far date, so that the join below compares one column
-- with another: with an `or` in it DuckDB compares every row with every other.
labeled_intervals as (

    select
        *,
        coalesce(
            superseded_at, cast({{ log_loss.far_date() }} as {{ log_loss.type_utc_timestamp() }})
        ) as in_force_until
    from labels_in_force
    where
        {{ log_loss.mostly_true('class_index > 0') }}
        {%- if now %}
        and {{ log_loss.mostly_true('superseded_at is null') }}
        {%- endif %}

),

labeled_predictions as (

    select
        accepted_predictions.*,
        labeled_intervals.label,
        labeled_intervals.class_index,
        labeled_intervals.labeled_at,
        labeled_intervals.recorded_at as label_recorded_at,
        labeled_intervals.superseded_at,
        labeled_intervals.labeled_until,
        labeled_intervals.labeled_since,
        labeled_intervals.next_class_index,
        -- the request has this prediction and this label event, and no other row
        accepted_predictions.is_single * labeled_intervals.is_single as is_plain,
        {{ log_loss.probability_of_label(
            'labeled_intervals.class_index',
            probabilities,
            range(1, probabilities | length + 1) | list
        ) }} as probability_of_label
    from accepted_predictions
    left join labeled_intervals
        on
            accepted_predictions.request_id = labeled_intervals.request_id
            and accepted_predictions.model_name = labeled_intervals.model_name
            and labeled_intervals.in_force_until > accepted_predictions.recorded_at

),

outcomes as (

    select
        *,
        case
            when class_index is null then null
            when predicted_class_index = class_index then 1
            else 0
        end as is_correct
    from labeled_predictions

),

scored as (

    select
        *,
        {{ log_loss.negative_log_likelihood('probability_of_label') }}
            as loss,
        {{ log_loss.by_class_count('brier_score') }} as brier_score,
        {{ log_loss.by_class_count('spherical_score') }} as spherical_score,
        {{ log_loss.focal_loss_of('probability_of_label') }} as focal_loss,
        -- of more than two classes a score predicts that the likeliest is right
        case
            when class_count = 2
            then {{ log_loss.negative_log_likelihood('probability_of_label') }}
            when is_correct = 1
            then {{ log_loss.negative_log_likelihood('score') }}
            when is_correct = 0
            then {{ log_loss.negative_log_likelihood('1 - score') }}
        end as event_loss,
        -- the label the model held impossible; clipping at the other end costs
        -- at most epsilon a row and is not counted
        case
            when probability_of_label is null then null
            when probability_of_label < {{ log_loss.double(settings.epsilon) }} then 1
            else 0
        end as is_clipped,
        case
            when class_index is null then null
            when labeled_at < predicted_at then 1
            else 0
        end as is_label_before_prediction
    from outcomes

)
{%- endmacro %}


{% macro _prediction_columns() -%}
{{ ([
    'request_id', 'model_name', 'model_version', 'predicted_at', 'metric_date',
    'recorded_at', 'recorded_date', 'class_count',
] + log_loss.probability_columns() + log_loss.cohort_columns()
    + log_loss.feature_columns() + ['weight']) | join(', ') }}
{%- endmacro %}


{% macro _label_columns() -%}
request_id,
model_name,
label,
class_index,
labeled_at,
recorded_at,
recorded_date
{%- endmacro %}


{% macro _join_touched(touched) -%}
{%- if touched %}
    inner join {{ touched }}
        on
            staged.request_id = {{ touched }}.request_id
            and staged.model_name = {{ touched }}.model_name
{%- endif %}
{%- endmacro %}


{# cohort_1 .. cohort_n, the canonical names of the cohort columns #}
{% macro cohort_columns() %}
    {% set names = [] %}
    {% for cohort in log_loss.configuration().cohorts %}
        {% do names.append('cohort_' ~ loop.index) %}
    {% endfor %}
    {{ return(names) }}
{% endmacro %}


{# feature_1 .. feature_n, the canonical names of the feature columns #}
{% macro feature_columns() %}
    {% set names = [] %}
    {% for feature in log_loss.configuration().features %}
        {% do names.append('feature_' ~ loop.index) %}
    {% endfor %}
    {{ return(names) }}
{% endmacro %}


{# A per-row expression for each number of classes the configuration knows. #}
{% macro by_class_count(what) %}
    {%- set expressions = [] -%}
    {%- for class_count in log_loss.configuration().class_counts -%}
        {%- set columns = log_loss.probability_columns(class_count) -%}
        {%- set classes = range(1, class_count + 1) | list -%}
        {%- if what == 'brier_score' -%}
            {%- set expression = log_loss.brier_score('class_index', columns, classes) -%}
        {%- elif what == 'spherical_score' -%}
            {%- set expression = log_loss.spherical_score(
                'class_index', columns, classes
            ) -%}
        {%- elif what == 'predicted_class' -%}
            {%- set expression = log_loss.predicted_class(columns) -%}
        {%- else -%}
            {%- set expression = log_loss._top_probability(columns) -%}
        {%- endif -%}
        {%- do expressions.append(expression) -%}
    {%- endfor -%}
    {{- return(log_loss.case_class_count(expressions)) -}}
{% endmacro %}


{# P(positive) of two classes, else the probability of the predicted class. #}
{% macro _top_probability(columns) -%}
    {%- if columns | length == 2 -%}
    {{ columns[1] }}
    {%- else -%}
    case predicted_class_index
        {%- for column in columns %}
            when {{ loop.index }} then {{ column }}
        {%- endfor %}
        end
    {%- endif -%}
{%- endmacro %}


{# The columns of log_loss_scored_predictions that a cohort must not be named after. #}
{% macro scored_prediction_columns() %}
    {{ return([
        'request_id', 'model_name', 'model_version', 'predicted_at', 'recorded_at',
        'weight', 'score', 'label', 'labeled_at', 'label_recorded_at',
        'probability_of_label', 'loss', 'brier_score', 'focal_loss', 'predicted_label',
        'is_correct', 'is_clipped',
        'is_label_before_prediction', 'expected_loss',
    ]) }}
{% endmacro %}
