{#
    The rows of the ledger at the given grains that were recorded by the as-of date.
    Every reader goes through this: rows of different grains must never be added up.
#}
{% macro ledger_rows(grains) -%}
    select ledger_rows.*
    from {{ ref('int_log_loss__ledger') }} as ledger_rows
    inner join {{ ref('int_log_loss__clock') }} as clock
        on ledger_rows.recorded_date <= clock.as_of_date
    where ledger_rows.grain in ('{{ grains | join("', '") }}')
{%- endmacro %}


{#
    Labeled predictions by their loss, as known on the as-of date: a sketch that adds up
    over any days and classes (DDSketch: Masson, Rim, Lee 2019).

    Emits CTEs, the last of which is `name`: one row per day, model version, label and
    `loss_bin` that some prediction is in, with `labeled_count`, at least 1, and
    `loss_sum`.
#}
{% macro with_loss_bins(name) -%}
{{ name }}_entries as (

    {{ log_loss.ledger_rows(['loss_bin']) }}

),

{{ name }}_sums as (

    select
        metric_date,
        model_name,
        model_version,
        label,
        bin as loss_bin,
        sum(entry_count) as labeled_count,
        sum(loss_sum) as loss_sum
    from {{ name }}_entries
    group by
        metric_date,
        model_name,
        model_version,
        label,
        bin

),

{{ name }} as (

    select
        metric_date,
        model_name,
        model_version,
        label,
        loss_bin,
        cast(labeled_count as {{ dbt.type_bigint() }}) as labeled_count,
        case when loss_sum < 0 then {{ log_loss.double(0) }} else loss_sum end
            as loss_sum
    from {{ name }}_sums
    where labeled_count > 0

)
{%- endmacro %}


{#
    The additive sums of the ledger: what each one sums over the scored history
    (none: it counts entries, all or those of one kind), its type, whether it is known
    without a label, and the grains that keep it (none: all). Bin rows keep only what a
    mart reads of them; they are most of the table. `same_as` names the sum that has the
    number already: without a weight column every row weighs 1, and of two classes the
    event that a score predicts is the label itself.
#}
{% macro ledger_sums() %}
    {% set count = dbt.type_bigint() %}
    {% set double = log_loss.type_double() %}
    {% set wide = ['overall', 'cohort'] %}
    {% set scored = wide + ['score_bin', 'cohort_score_decile'] %}
    {% set settings = log_loss.configuration() %}
    {% set same_as = {} if settings.weight else {
        'weighted_count': 'entry_count',
        'weight_sum': 'entry_count',
        'weighted_loss_sum': 'loss_sum',
    } %}
    {% if settings.class_counts == [2] %}
        {% do same_as.update({'event_loss_sum': 'loss_sum'}) %}
    {% endif %}
    {% set sums = [] %}
    {% for name, of, type, grains in [
        ('entry_count', none, count, none),
        ('first_label_count', none, count, wide),
        ('new_label_count', none, count, wide),
        ('revised_label_count', none, count, wide),
        ('withdrawn_label_count', none, count, wide),
        ('label_before_prediction_count', 'is_label_before_prediction', count, wide),
        ('correct_count', 'is_correct', count, wide),
        ('clipped_count', 'is_clipped', count, wide),
        ('weighted_count', 'case when weight > 0 then 1 else 0 end', count, wide),
        ('loss_sum', 'loss', double, none),
        ('event_loss_sum', 'event_loss', double, wide + ['score_bin']),
        ('loss_squared_sum', 'loss * loss', double, wide),
        ('weighted_loss_sum', log_loss.multiply('weight', 'loss'), double, wide),
        ('brier_sum', 'brier_score', double, wide),
        ('focal_loss_sum', 'focal_loss', double, wide),
        ('spherical_score_sum', 'spherical_score', double, wide),
        ('weight_sum', 'weight', double, wide),
        ('entropy_sum', 'entropy', double, wide),
        ('entropy_variance_sum', 'entropy_variance', double, wide),
        ('score_sum', 'score', double, scored),
        ('score_squared_sum', log_loss.multiply('score', 'score'), double, scored),
    ] %}
        {% do sums.append({
            'name': name, 'of': of, 'type': type, 'grains': grains,
            'same_as': same_as.get(name),
            'needs_label': name not in [
                'entry_count', 'weight_sum', 'entropy_sum', 'entropy_variance_sum',
                'score_sum', 'score_squared_sum',
            ],
        }) %}
    {% endfor %}
    {{ return(sums) }}
{% endmacro %}


{#
    The grains that the ledger's rows are summed at: the columns that each adds to the
    whole, and what it is called. One per cohort column and never their cross product,
    so the cost grows with the number of cohort columns and not with their combinations.
    Within a query a grain goes by its number, because grouping by text is slow.

    The grains of scores tell the predicted classes apart. Those of features count
    predictions, and have none of the columns that a label brings.
#}
{% macro ledger_grains(bins=true) %}
    {% set settings = log_loss.configuration() %}
    {% set names = [
        ('overall', 'all', none, none),
        ('score_bin', 'all', none, 'score_bin'),
        ('loss_bin', 'all', none, 'loss_bin'),
    ] %}
    {% for cohort in settings.cohorts %}
        {% set column = 'cohort_' ~ loop.index %}
        {% do names.append(('cohort', cohort, column, none)) %}
        {% do names.append(('cohort_score_decile', cohort, column, 'score_decile')) %}
    {% endfor %}
    {% for feature in settings.features %}
        {% set column = 'feature_' ~ loop.index %}
        {% do names.append(
            ('feature', feature.column, none, column) if feature.is_numeric
            else ('feature', feature.column, column, none)
        ) %}
    {% endfor %}
    {% set grains = [] %}
    {% for grain, name, value, bin in names %}
        {% set by_class = grain in ('score_bin', 'cohort_score_decile') %}
        {% do grains.append({
            'grain': grain, 'name': name, 'value': value, 'bin': bin,
            'number': loop.index0,
            'columns': [value, bin] | select | list
                + (['predicted_class_index'] if by_class else []),
        }) %}
    {% endfor %}
    {{ return(
        grains if bins else grains | selectattr('grain', 'in', ['overall', 'cohort']) | list
    ) }}
{% endmacro %}


{# The columns of the heavy pass that the grains of features have. #}
{% macro ledger_feature_columns() %}
    {{ return([
        'metric_date', 'model_name', 'model_version', 'begins_as', 'prediction_date'
    ]) }}
{% endmacro %}


{# The grouping sets of these grains, each with the columns that all of them have. #}
{% macro ledger_grouping_sets(columns, bins=true) -%}
grouping sets (
    {%- for grain in log_loss.ledger_grains(bins) %}
    {%- set shared = columns if grain.grain != 'feature'
        else columns | select('in', log_loss.ledger_feature_columns()) | list %}
    ({{ (shared + grain.columns) | join(', ') }}){{ ',' if not loop.last }}
    {%- endfor %}
)
{%- endmacro %}


{# What tells the rows of these grouping sets apart: grain_number, cohort_value, bin. #}
{% macro ledger_grain_keys(bins=true) -%}
{%- set numbers = [] -%}
{%- set cohort_values = [] -%}
{%- set all_bins = [] -%}
{#- the sets of two columns before those of one of them -#}
{%- for grain in log_loss.ledger_grains(bins) | reverse if grain.columns -%}
    {%- set present = 'when ' ~ log_loss._all_grouped(grain.columns) ~ ' then ' -%}
    {%- do numbers.append(present ~ grain.number) -%}
    {%- if grain.value -%}
        {%- do cohort_values.append(present ~ grain.value) -%}
    {%- endif -%}
    {%- if grain.bin -%}
        {%- do all_bins.append(present ~ grain.bin) -%}
    {%- endif -%}
{%- endfor -%}
{{ log_loss._case(numbers, '0') }} as grain_number,
{{ log_loss._case(cohort_values, "'all'") }} as cohort_value,
{{ log_loss._case(all_bins, 'cast(null as ' ~ dbt.type_int() ~ ')') }} as bin
{%- endmacro %}


{% macro _all_grouped(columns) -%}
{%- for column in columns -%}
{{ ' and ' if not loop.first }}grouping({{ column }}) = 0
{%- endfor -%}
{%- endmacro %}


{# The numbers of the grains of these names, as the SQL list of an `in`. #}
{% macro ledger_grain_numbers(names) -%}
{%- set numbers = [] -%}
{%- for grain in log_loss.ledger_grains() if grain.grain in names -%}
    {%- do numbers.append(grain.number) -%}
{%- endfor -%}
{{ numbers | join(', ') }}
{%- endmacro %}


{# The names of a grain_number: grain and cohort_name. #}
{% macro ledger_grain_names() -%}
{%- set grains = [] -%}
{%- set cohort_names = [] -%}
{%- for grain in log_loss.ledger_grains() -%}
    {%- set present = 'when grain_number = ' ~ grain.number ~ ' then ' -%}
    {%- do grains.append(present ~ "'" ~ grain.grain ~ "'") -%}
    {%- if grain.name != 'all' -%}
        {%- do cohort_names.append(present ~ log_loss.text_literal(grain.name)) -%}
    {%- endif -%}
{%- endfor -%}
{{ log_loss._case(grains, 'null') }} as grain,
{{ log_loss._case(cohort_names, "'all'") }} as cohort_name
{%- endmacro %}


{# A case expression, or its default alone where there is no branch. #}
{% macro _case(whens, otherwise) -%}
{%- if whens -%}
case
    {{ whens | join('\n    ') }}
    else {{ otherwise }}
end
{%- else -%}
{{ otherwise }}
{%- endif -%}
{%- endmacro %}


{# The partitions that a run rebuilds: those since the cutoff, and the undated one. #}
{% macro is_rebuilt(cutoff) -%}
{%- if cutoff -%}
(recorded_date >= {{ cutoff }} or recorded_date = {{ log_loss.undated() }})
{%- else -%}
1 = 1
{%- endif -%}
{%- endmacro %}


{#
    Whether a row of a staging model may be recorded on this date or later, by a plain
    column of the source, so that the engine can skip what is stored before. Rows whose
    date is decided by more than that column are kept. True without a date.
#}
{% macro may_be_recorded_since(date, relation=none) -%}
{%- set time = (relation ~ '.' if relation else '') ~ 'unchecked_recorded_at' -%}
{%- if date -%}
(
    {{ time }} >= cast({{ date }} as {{ log_loss.type_utc_timestamp() }})
    or {{ time }} < cast('1900-01-01' as {{ log_loss.type_utc_timestamp() }})
    or {{ time }} is null
)
{%- else -%}
1 = 1
{%- endif -%}
{%- endmacro %}


{# is_rebuilt for the rows of a staging model, where the engine can skip the others. #}
{% macro is_row_rebuilt(cutoff) -%}
{{ log_loss.is_rebuilt(cutoff) }}
and {{ log_loss.may_be_recorded_since(cutoff) }}
{%- endmacro %}


{#
    The first date whose rows an incremental run reads to rebuild the entries since the
    cutoff: log_loss_label_horizon_days before it, or none for all of history.
#}
{% macro history_start(cutoff) %}
    {% set horizon_days = log_loss.configuration().label_horizon_days %}
    {% if cutoff and horizon_days is not none %}
        {{ return(log_loss.add_days(cutoff, -horizon_days)) }}
    {% endif %}
    {{ return(none) }}
{% endmacro %}


{# A select list with entry_count as it is and every other sum null. #}
{% macro only_entry_count() -%}
{%- for sum in log_loss.ledger_sums() -%}
{%- if sum.name == 'entry_count' -%}
entry_count
{%- else -%}
cast(null as {{ sum.type }}) as {{ sum.name }}
{%- endif -%}
{{ ',\n' if not loop.last }}
{%- endfor -%}
{%- endmacro %}


{#
    The settings that change what an entry holds, short enough for one cell. Ledger
    rows made under two of them must never be added up.
#}
{% macro fingerprint() %}
    {% set settings = log_loss.configuration() %}
    {% set loaded_at = [] %}
    {% for variable in ['log_loss_predictions', 'log_loss_labels'] %}
        {% set columns = log_loss.input_columns(variable) %}
        {% do loaded_at.append(
            'yes' if columns is not none and 'loaded_at' in columns else 'no'
        ) %}
    {% endfor %}
    {# the layout counts the versions of what a stored row means #}
    {{ return([
        'ledger_layout=4',
        'log_loss_predictions='
        ~ log_loss.input_relation('log_loss_predictions').identifier,
        'log_loss_labels=' ~ log_loss.input_relation('log_loss_labels').identifier,
        'log_loss_epsilon=' ~ settings.epsilon,
        'log_loss_probability_sum_tolerance=' ~ settings.probability_sum_tolerance,
        'log_loss_models=' ~ local_md5(tojson(settings.models))[:8],
        'log_loss_cohorts=' ~ local_md5(tojson(settings.cohorts))[:8],
        'log_loss_features=' ~ local_md5(tojson(settings.features))[:8],
        'log_loss_weight=' ~ local_md5(settings.weight | string)[:8],
        'predictions.loaded_at=' ~ loaded_at[0],
        'labels.loaded_at=' ~ loaded_at[1],
    ] | join(' ')) }}
{% endmacro %}


{#
    The first recorded_date that an incremental run rebuilds, as SQL, or none for all
    of history: the last date processed less the lookback, or log_loss_reprocess_from
    where that is earlier. Stops where the settings differ from those of the stored
    rows.
#}
{% macro ledger_cutoff(fingerprint) %}
    {% if not execute or not is_incremental() %}
        {{ return(none) }}
    {% endif %}
    {% set settings = log_loss.configuration() %}
    {% set stored = run_query(log_loss._stored_ledger(this)) %}
    {% set processed_until = stored.rows[0][0] %}
    {% set stored_fingerprint = stored.rows[0][1] %}
    {# other commands cannot know whether the inputs have a `loaded_at` #}
    {% if flags.WHICH in ('run', 'build') and stored_fingerprint
        and stored_fingerprint != fingerprint %}
        {% set before = stored_fingerprint.split(' ') %}
        {% set now = fingerprint.split(' ') %}
        {% set changed = now | reject('in', before) | list %}
        {% set names = [] %}
        {% for setting in changed %}
            {% do names.append(setting.split('=')[0]) %}
        {% endfor %}
        {% do log_loss.configuration_error(
            names | join('`, `'),
            'a value (' ~ changed | join(', ') ~ ') that is not that of the stored ledger ('
            ~ before | reject('in', now) | join(', ')
            ~ '), and sums made under both cannot be added up',
            'rebuild it with `dbt build --full-refresh --select '
            ~ 'package:log_loss`, or set the old value again.'
        ) %}
    {% endif %}
    {% if not processed_until %}
        {{ return(none) }}
    {% endif %}
    {% set cutoff = log_loss.add_days(
        log_loss.date_literal(processed_until), -settings.lookback_days
    ) %}
    {% if settings.reprocess_from %}
        {% set from_date = log_loss.date_literal(settings.reprocess_from) %}
        {% set cutoff = 'case when ' ~ from_date ~ ' < ' ~ cutoff ~ ' then ' ~ from_date
            ~ ' else ' ~ cutoff ~ ' end' %}
    {% endif %}
    {{ return(cutoff) }}
{% endmacro %}


{# Until when a ledger was processed, as a text, and under which settings. #}
{% macro _stored_ledger(relation) -%}
select
    {{ log_loss.date_text("max(case when grain <> 'marker' then recorded_date end)") }}
        as processed_until,
    max(fingerprint) as fingerprint
from {{ relation }}
{%- endmacro %}
