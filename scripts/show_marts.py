"""Print where to look after a build: the last weeks of each model, and the verdicts."""

from __future__ import annotations

import sys

import duckdb

WEEKS = """
    select
        model_name as model,
        model_version as version,
        cast(date_trunc('week', metric_date) as date) as week,
        cast(sum(prediction_count) as bigint) as predictions,
        round(sum(labeled_count) / sum(prediction_count), 2) as coverage,
        round(
            sum(mean_log_loss * labeled_count)
            / sum(case when mean_log_loss is not null then labeled_count end),
            3
        ) as mean_log_loss,
        round(
            sum(mean_brier * labeled_count)
            / sum(case when mean_brier is not null then labeled_count end),
            3
        ) as brier,
        case when bool_and(is_mature) then '' else 'too young to judge' end as note
    from main.log_loss_daily
    where prediction_count > 0
    group by all
    order by all
"""

VERDICTS = """
    select status, count(*) as rules
    from main.log_loss_threshold_status
    group by all
    order by all
"""


def main(path: str) -> None:
    with duckdb.connect(path, read_only=True) as connection:
        print("\nMean log loss in nats, by week of prediction (log_loss_daily):\n")
        connection.sql(WEEKS).show(max_rows=200)
        verdicts = connection.sql(VERDICTS).fetchall()
    counts = ", ".join(f"{count} {status}" for status, count in verdicts)
    print(f"Thresholds (log_loss_threshold_status): {counts}.")
    print(f"The marts are the tables log_loss_* in {path}; README.md lists them.")


if __name__ == "__main__":
    main(sys.argv[1])
