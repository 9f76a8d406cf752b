select
    rule,
    model_name,
    cohort_name,
    cohort_value,
    label,
    warn_at,
    error_at,
    100 as min_labeled_count,
    case when rule like '%_drift' then 0 else 0.5 end as min_coverage
from {{ ref('log_loss', 'log_loss_default_thresholds') }}
where rule <> 'score_drift'

union all

select 'correction_rate', '*', '*', '*', '*', 0.5, null, 100, 0.5

union all

select 'clipped_loss_share', '*', '*', '*', '*', 0.05, 0.2, 100, 0.5

union all

-- scores of flights follow the weather
select 'score_drift', '*', '*', '*', '*', 0.4, null, 100, 0
