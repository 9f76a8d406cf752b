-- What: each label of the class mart is one that the model declares, as declared.
-- When: always; another spelling would be a class of its own on every board.
-- How to resolve: look for the spelling in ml_outcomes.
select
    model_name,
    label
from {{ ref('log_loss', 'log_loss_daily_by_class') }}
where
    case model_name
        when 'card_fraud' then label in ('legit', 'fraud')
        when 'repayment' then label in (
            'on_time',
            'late',
            {{ dbt.string_literal(dbt.escape_single_quotes("won't_pay")) }}
        )
        when 'churn' then label in ('0', '1')
        else 1 = 0
    end = (1 = 0)
