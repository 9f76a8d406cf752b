{%- set history_days = log_loss.configuration().alert_history_days -%}
-- The dates on which the rules looked, or would have: those on which something new was
-- known, and the as-of date.
with

known_sums as (

    select * from {{ ref('int_log_loss__known_sums') }}

),

clock as (

    select as_of_date from {{ ref('int_log_loss__clock') }}

)

select known_sums.known_from as evaluation_date
from known_sums
inner join clock
    on
        known_sums.known_from
        > {{ log_loss.add_days('clock.as_of_date', -history_days) }}

union distinct

select as_of_date as evaluation_date
from clock
where as_of_date is not null
