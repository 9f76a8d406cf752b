{%- set as_of_date = log_loss.configuration().as_of_date -%}
-- The date that ages, maturity and windows count from. Never the calendar's: a second
-- run over the same rows must change nothing. The latest date with rows may yet go on.
select
{%- if as_of_date %}
    {{ log_loss.date_literal(as_of_date) }} as as_of_date,
    {{ log_loss.date_literal(as_of_date) }} as last_whole_date
{%- else %}
    max(recorded_date) as as_of_date,
    {{ log_loss.add_days('max(recorded_date)', -1) }} as last_whole_date
from {{ ref('int_log_loss__ledger') }}
where grain <> 'marker'
{%- endif %}
