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
            'dbt build --select int_log_loss__ledger+ --vars '
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
    Prints a line for each row that a test is about to return, because dbt prints only
    how many there are. Only where tests are run. Each line begins with `log_loss` and has
    the same fields in the same order, so that one `grep` finds them all and `cut` or `awk`
    takes them apart.
#}
{% macro announce(findings) %}
    {%- for cells in log_loss._rows_where_tests_run(findings) -%}
        {%- set place = cells.cohort_name ~ ('=' ~ cells.cohort_value
            if cells.cohort_value != 'all' else '') -%}
        {%- do log_loss._print(cells.severity, [
            ('rule', cells.rule), ('model', cells.model_name),
            ('version', cells.model_version), ('cohort', place),
            ('label', cells.label), ('value', cells.value),
            ('evaluated', cells.evaluated_value), ('limit', cells.limit_value),
            ('since', cells.first_alert_date), ('as_of', cells.as_of_date),
            ('see', cells.runbook),
        ]) -%}
    {%- endfor -%}
{% endmacro %}


{# Prints the decision about each canary that is deployed, or that there is none. #}
{% macro announce_canaries(canaries) %}
    {%- for cells in log_loss._rows_where_tests_run(canaries) -%}
        {%- do log_loss._print('canary', [
            ('model', cells.model_name), ('version', cells.candidate_version),
            ('serving', cells.serving_version), ('method', cells.method),
            ('decision', cells.decision), ('difference', cells.difference),
            ('half_width', cells.sequence_half_width),
            ('labels_still_needed', cells.labels_still_needed),
            ('last_look', cells.last_look_date), ('as_of', cells.as_of_date),
        ]) -%}
    {%- else -%}
        {%- if execute and flags.WHICH in ('test', 'build') -%}
            {%- do log('log_loss canary: no canary known', info=true) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}


{# The rows of a query as mappings of lowercase names, while tests are run. #}
{% macro _rows_where_tests_run(query) %}
    {%- set found = [] -%}
    {%- if execute and flags.WHICH in ('test', 'build') -%}
        {%- set rows = run_query(query) -%}
        {%- for row in rows.rows -%}
            {%- set cells = {} -%}
            {%- for name in rows.column_names -%}
                {%- do cells.update({name | lower: row[loop.index0]}) -%}
            {%- endfor -%}
            {%- do found.append(cells) -%}
        {%- endfor -%}
    {%- endif -%}
    {{- return(found) -}}
{% endmacro %}


{# One line: what it is, and its fields; a field without a value has a dash. #}
{% macro _print(what, fields) %}
    {%- set words = ['log_loss ' ~ what] -%}
    {%- for name, value in fields -%}
        {%- set text = '-' if value is none or value is undefined
            else '%.4g' | format(value) if value is number else value -%}
        {%- do words.append(name ~ '=' ~ text) -%}
    {%- endfor -%}
    {%- do log(words | join(' '), info=true) -%}
{% endmacro %}


{# The rows of log_loss_threshold_status with a status, as a query. #}
{% macro threshold_findings(status) -%}
select
    runbook,
    status as severity,
    rule,
    {{ log_loss.scope_columns() | join(', ') }},
    label,
    as_of_date,
    first_alert_date,
    window_start_date,
    window_end_date,
    value,
    evaluated_value,
    {{ log_loss.breached_limit('status') }} as limit_value,
    ci_lower,
    ci_upper,
    baseline_value,
    p_value,
    sample_count,
    label_coverage
from {{ ref('log_loss_threshold_status') }}
where status = '{{ status }}'
{%- endmacro %}


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
    alerts.alert_date as as_of_date,
    alerts.first_alert_date,
    alerts.days_open,
    alerts.value,
    alerts.evaluated_value,
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
