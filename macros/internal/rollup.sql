{#
    The grains of the roll-up beyond `overall`, as the columns that each one adds:
    one per cohort column and never their cross product, so the cost grows with the
    number of cohort columns and not with their combinations.
#}
{% macro rollup_grouping_sets(bins=true) %}
    {{ return(adapter.dispatch('rollup_grouping_sets', 'log_loss')(bins)) }}
{% endmacro %}

{% macro default__rollup_grouping_sets(bins) %}
    {% set sets = [[]] %}
    {% for cohort in log_loss.cohort_columns() %}
        {% do sets.append([cohort]) %}
        {% if bins %}
            {% do sets.append([cohort, 'score_decile']) %}
        {% endif %}
    {% endfor %}
    {% if bins %}
        {% do sets.append(['score_bin']) %}
        {% do sets.append(['loss_bin']) %}
    {% endif %}
    {{ return(sets) }}
{% endmacro %}


{# The columns that name a grouping set: grain, cohort_name, cohort_value, bin. #}
{% macro rollup_grain_columns(bins=true) %}
    {{- return(adapter.dispatch('rollup_grain_columns', 'log_loss')(bins)) -}}
{% endmacro %}

{% macro default__rollup_grain_columns(bins) -%}
{%- set names = log_loss.configuration().cohorts -%}
{%- set grains = [] -%}
{%- set cohort_names = [] -%}
{%- set cohort_values = [] -%}
{%- set all_bins = [] -%}
{%- if bins -%}
    {%- for bin, grain in [
        ('score_bin', 'score_bin'), ('loss_bin', 'loss_bin'),
        ('score_decile', 'cohort_score_decile'),
    ] if names or bin != 'score_decile' -%}
        {%- do grains.append('when grouping(' ~ bin ~ ") = 0 then '" ~ grain ~ "'") -%}
        {%- do all_bins.append('when grouping(' ~ bin ~ ') = 0 then ' ~ bin) -%}
    {%- endfor -%}
{%- endif -%}
{%- for cohort in log_loss.cohort_columns() -%}
    {%- set name = log_loss.text_literal(names[loop.index0]) -%}
    {%- do grains.append('when grouping(' ~ cohort ~ ") = 0 then 'cohort'") -%}
    {%- do cohort_names.append('when grouping(' ~ cohort ~ ') = 0 then ' ~ name) -%}
    {%- do cohort_values.append('when grouping(' ~ cohort ~ ') = 0 then ' ~ cohort) -%}
{%- endfor -%}
{{ log_loss._case(grains, "'overall'") }} as grain,
{{ log_loss._case(cohort_names, "'all'") }} as cohort_name,
{{ log_loss._case(cohort_values, "'all'") }} as cohort_value,
{{ log_loss._case(all_bins, 'cast(null as ' ~ dbt.type_int() ~ ')') }} as bin
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


{# A select list with entry_count as it is and every other sum null. #}
{% macro only_entry_count() %}
    {{- return(adapter.dispatch('only_entry_count', 'log_loss')()) -}}
{% endmacro %}

{% macro default__only_entry_count() -%}
{%- for sum in log_loss.rollup_sums() -%}
{%- if sum.name == 'entry_count' -%}
entry_count
{%- else -%}
null as {{ sum.name }}
{%- endif -%}
{{ ',\n' if not loop.last }}
{%- endfor -%}
{%- endmacro %}


{#
    The settings that change what an entry holds, short enough for one cell. Roll-up
    rows made under two of them must never be added up.
#}
{% macro fingerprint() %}
    {{- return(adapter.dispatch('fingerprint', 'log_loss')()) -}}
{% endmacro %}

{% macro default__fingerprint() %}
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
        'rollup_layout=2',
        'log_loss_predictions='
        ~ log_loss.input_relation('log_loss_predictions').identifier,
        'log_loss_labels=' ~ log_loss.input_relation('log_loss_labels').identifier,
        'log_loss_epsilon=' ~ settings.epsilon,
        'log_loss_probability_sum_tolerance=' ~ settings.probability_sum_tolerance,
        'log_loss_models=' ~ local_md5(tojson(settings.models))[:8],
        'log_loss_cohorts=' ~ local_md5(tojson(settings.cohorts))[:8],
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
{% macro rollup_cutoff(fingerprint) %}
    {{ return(adapter.dispatch('rollup_cutoff', 'log_loss')(fingerprint)) }}
{% endmacro %}

{% macro default__rollup_cutoff(fingerprint) %}
    {% if not execute or not is_incremental() %}
        {{ return(none) }}
    {% endif %}
    {% set settings = log_loss.configuration() %}
    {% set stored = run_query(
        'select '
        ~ 'cast(max(case when grain <> ' ~ "'marker'" ~ ' then recorded_date end) as '
        ~ dbt.type_string() ~ ') as processed_until, '
        ~ 'max(fingerprint) as fingerprint from ' ~ this
    ) %}
    {% set processed_until = stored.rows[0][0] %}
    {% set stored_fingerprint = stored.rows[0][1] %}
    {# other commands cannot know whether the inputs have a `loaded_at` #}
    {% if flags.WHICH in ('run', 'build') and stored_fingerprint
        and stored_fingerprint != fingerprint %}
        {% set changes = [] %}
        {% set before = stored_fingerprint.split(' ') %}
        {% for setting in fingerprint.split(' ') if setting not in before %}
            {% do changes.append(setting.split('=')[0]) %}
        {% endfor %}
        {% do log_loss.configuration_error(
            changes | join('`, `'),
            'another value than the stored roll-up was built with, and sums made '
            ~ 'under both cannot be added up (stored: ' ~ stored_fingerprint
            ~ '; now: ' ~ fingerprint ~ ')',
            'rebuild it with `dbt build --full-refresh --select '
            ~ 'package:log_loss`, or set the old value again.'
        ) %}
    {% endif %}
    {% if not processed_until %}
        {{ return(none) }}
    {% endif %}
    {% set cutoff = log_loss.add_days(
        log_loss.date_literal(processed_until[:10]), -settings.lookback_days
    ) %}
    {% if settings.reprocess_from %}
        {% set from_date = log_loss.date_literal(settings.reprocess_from) %}
        {% set cutoff = 'case when ' ~ from_date ~ ' < ' ~ cutoff ~ ' then ' ~ from_date
            ~ ' else ' ~ cutoff ~ ' end' %}
    {% endif %}
    {{ return(cutoff) }}
{% endmacro %}
