-- What: as of every date, a day has no more labels than accepted predictions and no
-- fewer than none; today no label has a negative count.
-- When it matters: the ledger has not read rows that it should have, because they came
-- in behind the lookback or beyond `log_loss_label_horizon_days`, or were changed in
-- place; a later event then takes back what was never posted.
-- How to resolve: run the `command` that assert_ledger_is_complete or
-- assert_label_horizon_holds returns, else rebuild with
-- `dbt build --full-refresh --select int_log_loss__ledger+`.
select
    metric_date,
    as_of_date,
    model_name,
    model_version,
    prediction_count_as_of,
    labeled_count_as_of
from {{ ref('int_log_loss__corrections') }}
where labeled_count_as_of < 0 or labeled_count_as_of > prediction_count_as_of

union all

select
    label_sums.metric_date,
    clock.as_of_date,
    label_sums.model_name,
    label_sums.model_version,
    cast(null as {{ dbt.type_bigint() }}) as prediction_count_as_of,
    label_sums.labeled_count as labeled_count_as_of
from {{ ref('int_log_loss__label_sums') }} as label_sums
cross join {{ ref('int_log_loss__clock') }} as clock
where label_sums.labeled_count < 0
