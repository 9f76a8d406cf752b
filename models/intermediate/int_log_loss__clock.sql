{%- set settings = log_loss.configuration() -%}
-- The date that ages, maturity and windows count from. Never the calendar's: a second
-- run over the same rows must change nothing.
select
    {% if settings.as_of_date -%}
    {{ log_loss.date_literal(settings.as_of_date) }} as as_of_date
    {%- else -%}
    max(recorded_date) as as_of_date
    {%- endif %}
from {{ ref('int_log_loss__rollup') }}
where grain <> 'marker'
