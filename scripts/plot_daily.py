"""Draw the README's picture from the marts of the whole year (`make flights`)."""

from __future__ import annotations

import sys

import duckdb
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

DAYS = """
    select
        model_version,
        metric_date,
        mean_log_loss,
        mean_log_loss_7d,
        log_loss_ci_lower,
        log_loss_ci_upper
    from main.log_loss_daily
    where model_name = 'flight_late' and prediction_count > 100
    order by metric_date
"""

COLOURS = {"v1": "#1f6fb2", "v2": "#d1701f"}


def main(database: str, picture: str) -> None:
    with duckdb.connect(database, read_only=True) as connection:
        days = connection.sql(DAYS).df()
    figure, axes = plt.subplots(figsize=(10, 4.2), constrained_layout=True)
    for version, rows in days.groupby("model_version"):
        colour = COLOURS[version]
        axes.errorbar(
            rows.metric_date,
            rows.mean_log_loss,
            yerr=(
                rows.mean_log_loss - rows.log_loss_ci_lower,
                rows.log_loss_ci_upper - rows.mean_log_loss,
            ),
            fmt="o",
            markersize=2,
            elinewidth=0.6,
            color=colour,
            alpha=0.35,
            label=f"{version}: a day and its 95 % interval",
        )
        axes.plot(
            rows.metric_date,
            rows.mean_log_loss_7d,
            color=colour,
            linewidth=2,
            label=f"{version}: the last 7 days",
        )
    axes.set_ylabel("mean log loss (nats)")
    axes.set_title(
        "flight_late: will this flight arrive more than 15 minutes late? "
        "New York, 2013",
        loc="left",
        fontsize=11,
    )
    axes.set_ylim(0, 1.6)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, ncols=4, fontsize=8, loc="upper left")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
