{%- set history_days = log_loss.configuration().alert_history_days -%}
-- The as-of dates, at whose ends rules are evaluated: those on which something was
-- recorded, and the run's own.
with

day_states as (

    select * from {{ ref('int_log_loss__day_states') }}

),

clock as (

    select as_of_date from {{ ref('int_log_loss__clock') }}

)

select day_states.known_from as as_of_date
from day_states
inner join clock
    on
        day_states.known_from
        > {{ log_loss.add_days('clock.as_of_date', -history_days) }}

union distinct

select as_of_date
from clock
where as_of_date is not null
