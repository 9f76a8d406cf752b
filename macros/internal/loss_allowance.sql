{# How much more loss than a baseline's the error budget accepts. #}
{% macro loss_allowance(baseline) -%}
{%- set budget = log_loss.configuration().error_budget -%}
{%- set relative_allowance = log_loss.double(budget.relative) ~ ' * ' ~ baseline -%}
case
    when {{ relative_allowance }} > {{ log_loss.double(budget.absolute) }}
    then {{ relative_allowance }}
    else {{ log_loss.double(budget.absolute) }}
end
{%- endmacro %}
