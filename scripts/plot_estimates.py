"""Draw how the estimates of the year's losses held, and print them as a table.

    make flights
    python scripts/plot_estimates.py data/flights.duckdb docs/estimates.png

Needs a database built with log_loss_estimate_history_days: 400.
"""

from __future__ import annotations

import sys

import duckdb
import matplotlib.pyplot as plt
import pandas as pd

MODEL = "flight_late"
AGE = 3
SERVING = """
    (model_version = 'v1' and metric_date < date '2013-08-01')
    or (model_version = 'v2' and metric_date >= date '2013-08-01')
"""
ROWS = f"""
    select *
    from main.log_loss_estimate
    where model_name = '{MODEL}' and ({SERVING})
    order by metric_date
"""
SUMMARY = """
    select
        estimator,
        window_days,
        age_days,
        count(estimated_log_loss) as days,
        avg(relative_error) as bias,
        sqrt(avg(relative_error * relative_error)) as rms,
        avg(
            case
                when estimate_ci_lower is null or realised_log_loss is null then null
                when realised_log_loss between estimate_ci_lower and estimate_ci_upper
                then 1.0
                else 0.0
            end
        ) as covered
    from rows
    where
        age_days in (1, 3, 7, 14)
        and realised_log_loss is not null
        and estimator <> 'post_stratified'
    group by all
    having count(estimated_log_loss) >= 60
    order by window_days, age_days, estimator
"""


def percent(value: float) -> str:
    return "–" if pd.isna(value) else f"{100 * value:.1f} %"


def main(database: str, picture: str) -> None:
    with duckdb.connect(database, read_only=True) as connection:
        rows = connection.execute(ROWS).df()
        summary = connection.execute(SUMMARY).df()
    print("| estimator | window | age | days | bias | RMS error | interval holds |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for row in summary.itertuples():
        print(
            f"| `{row.estimator}` | {row.window_days} | {row.age_days} | {row.days} | "
            f"{percent(row.bias)} | {percent(row.rms)} | {percent(row.covered)} |"
        )
    days = rows[(rows["window_days"] == 7) & (rows["age_days"] == AGE)]
    by = {name: part.set_index("metric_date") for name, part in days.groupby("estimator")}
    chosen, so_far = by["chosen"], by["so_far"]
    figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
    axes.fill_between(
        chosen.index,
        chosen["estimate_ci_lower"],
        chosen["estimate_ci_upper"],
        color="tab:blue",
        alpha=0.2,
        linewidth=0,
        label="its 95 % interval",
    )
    axes.plot(
        chosen.index,
        chosen["estimated_log_loss"],
        color="tab:blue",
        linewidth=1,
        label=f"estimate made {AGE} days later (chosen)",
    )
    axes.plot(
        so_far.index,
        so_far["estimated_log_loss"],
        color="tab:orange",
        linewidth=1,
        label="mean of what was labeled by then",
    )
    axes.plot(
        chosen.index,
        chosen["realised_log_loss"],
        color="black",
        linewidth=1,
        label="realised after 28 days",
    )
    axes.set_ylabel("mean log loss of 7 days, nats")
    axes.legend(frameon=False, fontsize=8, loc="upper right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
