{# Stops with one message: the variable, what was received, the fix. #}
{% macro configuration_error(variable, received, fix) %}
    {% do exceptions.raise_compiler_error(
        'log_loss: the variable `' ~ variable ~ '` is not usable. Received: '
        ~ received ~ '. Fix: ' ~ fix
    ) %}
{% endmacro %}


{#
    The command that restates from a date, as SQL for a text, so that a data test can
    return it. `variables` maps further variables to SQL for their values.
#}
{% macro restatement_command(from_date, variables={}) %}
    {%- set text = dbt.type_string() -%}
    {%- set parts = [
        log_loss.text_literal(
            'dbt build --select int_log_loss__rollup+ --vars '
            ~ "'{log_loss_reprocess_from: "
        ),
        log_loss.date_text(from_date),
    ] -%}
    {%- for name, value in variables.items() -%}
        {%- do parts.append(log_loss.text_literal(', ' ~ name ~ ': ')) -%}
        {%- do parts.append('cast(' ~ value ~ ' as ' ~ text ~ ')') -%}
    {%- endfor -%}
    {%- do parts.append(log_loss.text_literal("}'")) -%}
    {{- return(dbt.concat(parts)) -}}
{% endmacro %}


{#
    Prints the rows that a test is about to return, a line each, because dbt prints only
    how many there are: what is wrong, since when, and the page that says what to do. Only
    where tests are run.
#}
{% macro announce(findings) %}
    {%- if execute and flags.WHICH in ('test', 'build') -%}
        {%- set rows = run_query(findings) -%}
        {%- for row in (rows.rows | list)[:20] -%}
            {%- set cells = {} -%}
            {%- for name in rows.column_names -%}
                {%- do cells.update({name | lower: row[loop.index0]}) -%}
            {%- endfor -%}
            {%- do log(log_loss._finding_text(cells), info=true) -%}
        {%- endfor -%}
        {%- if rows.rows | length > 20 -%}
            {%- do log('log_loss: and ' ~ (rows.rows | length - 20) ~ ' more', info=true) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro _finding_text(cells) %}
    {%- set words = [
        'log_loss ' ~ cells.severity ~ ':', cells.rule, cells.model_name,
        cells.model_version
    ] -%}
    {%- if cells.cohort_name != 'all' -%}
        {%- do words.append(cells.cohort_name ~ '=' ~ cells.cohort_value) -%}
    {%- endif -%}
    {%- if cells.label != 'all' -%}
        {%- do words.append('label ' ~ cells.label) -%}
    {%- endif -%}
    {%- if cells.value is not none -%}
        {%- do words.append(
            ('was ' if cells.severity == 'rollback' else 'is ')
            ~ '%.4g' | format(cells.value)
        ) -%}
    {%- endif -%}
    {%- if cells.limit_value is not none -%}
        {%- do words.append('beyond ' ~ '%.4g' | format(cells.limit_value)) -%}
    {%- endif -%}
    {%- if cells.first_alert_date -%}
        {%- do words.append('since ' ~ cells.first_alert_date) -%}
    {%- endif -%}
    {%- if cells.alert_date -%}
        {%- do words.append('as of ' ~ cells.alert_date) -%}
    {%- elif cells.window_end_date -%}
        {%- do words.append('in the days to ' ~ cells.window_end_date) -%}
    {%- endif -%}
    {{ return(words | join(' ') ~ '; see ' ~ cells.runbook) }}
{% endmacro %}


{# The alerts of one severity on the as-of date that nothing suppresses, as a query. #}
{% macro open_alerts(severity) -%}
select
    alerts.runbook,
    alerts.severity,
    alerts.rule,
    alerts.model_name,
    alerts.model_version,
    alerts.cohort_name,
    alerts.cohort_value,
    alerts.label,
    alerts.dedupe_key,
    alerts.alert_date,
    alerts.first_alert_date,
    alerts.days_open,
    alerts.value,
    alerts.limit_value,
    alerts.p_value,
    alerts.labeled_count,
    alerts.top_cohorts,
    alerts.recent_deployments
from {{ ref('log_loss_alerts') }} as alerts
where
    alerts.is_current
    and alerts.severity = '{{ severity }}'
    and not alerts.is_suppressed
{%- endmacro %}
