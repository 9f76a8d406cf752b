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
