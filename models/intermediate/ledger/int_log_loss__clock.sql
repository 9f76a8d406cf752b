{%- set as_of_date = log_loss.configuration().as_of_date -%}
-- The date that ages, maturity and windows count from. Never the calendar's: a second
-- run over the same rows must change nothing.
select
    {{ log_loss.date_literal(as_of_date) if as_of_date else 'max(recorded_date)' }}
        as as_of_date
{%- if not as_of_date %}
from {{ ref('int_log_loss__rollup') }}
where grain <> 'marker'
{%- endif %}
