-- What: per version, the package's loss over the requests that were decided once is
-- the loss that the bank computes from its own tables.
-- When: always.
-- How to resolve: join log_loss_scored_predictions to ml_outcomes by request.
with

decided_once as (

    select request_id
    from {{ ref('ml_outcomes') }}
    where model_name = 'card_fraud'
    group by request_id
    having count(*) = 1

),

package as (

    select
        scored.model_version,
        count(*) as labeled_count,
        avg(scored.loss) as mean_log_loss
    from {{ ref('log_loss', 'log_loss_scored_predictions') }} as scored
    inner join decided_once
        on scored.request_id = decided_once.request_id
    where scored.model_name = 'card_fraud' and scored.label is not null
    group by scored.model_version

)

select
    bank.model_version,
    bank.labeled_count,
    package.labeled_count as labeled_count_of_package,
    bank.mean_log_loss,
    package.mean_log_loss as mean_log_loss_of_package
from {{ ref('ml_loss_recomputed') }} as bank
left join package
    on bank.model_version = package.model_version
where
    package.labeled_count is null
    or bank.labeled_count <> package.labeled_count
    or abs(bank.mean_log_loss - package.mean_log_loss) > 1e-12
