-- What: warns while a row of the thresholds names a model, cohort, feature or label
-- that the data has never had.
-- When it matters: a misspelt name is a limit that can never be breached.
-- How to resolve: correct the name in the returned row, or drop the row.
{{ config(severity='warn') }}

with

scopes as (

    select distinct
        model_name,
        cohort_name,
        cohort_value,
        0 as is_feature
    from {{ ref('int_log_loss__ledger') }}
    where grain in ('overall', 'cohort', 'label_event')

    union all

    select distinct
        model_name,
        cohort_name,
        'all' as cohort_value,
        1 as is_feature
    from {{ ref('int_log_loss__ledger') }}
    where grain = 'feature'

),

labels as (

    select distinct
        model_name,
        label
    from {{ ref('int_log_loss__label_sums') }}

    union distinct

    select distinct
        model_name,
        'all' as label
    from scopes

),

thresholds as (

    select
        rule,
        model_name,
        cohort_name,
        cohort_value,
        label
    from {{ ref('stg_log_loss__thresholds') }}

),

matches as (

    select distinct
        thresholds.rule,
        thresholds.model_name,
        thresholds.cohort_name,
        thresholds.cohort_value,
        thresholds.label
    from thresholds
    inner join scopes
        on
            (thresholds.rule <> 'cohort_log_loss' or scopes.cohort_name <> 'all')
            and scopes.is_feature = case
                when thresholds.rule in {{ log_loss.rules_with('grain', 'feature') }}
                then 1
                else 0
            end
            and thresholds.model_name in (scopes.model_name, '*')
            and thresholds.cohort_name in (scopes.cohort_name, '*')
            and thresholds.cohort_value in (scopes.cohort_value, '*')
    inner join labels
        on
            scopes.model_name = labels.model_name
            and thresholds.label in (labels.label, '*')

)

select
    thresholds.rule,
    thresholds.model_name,
    thresholds.cohort_name,
    thresholds.cohort_value,
    thresholds.label
from thresholds
left join matches
    on
        thresholds.rule = matches.rule
        and thresholds.model_name = matches.model_name
        and thresholds.cohort_name = matches.cohort_name
        and thresholds.cohort_value = matches.cohort_value
        and thresholds.label = matches.label
where
    matches.model_name is null
    and not (
        thresholds.model_name = '*'
        and thresholds.cohort_name = '*'
        and thresholds.label = '*'
    )
