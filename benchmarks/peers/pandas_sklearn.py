"""Two marts, per day and per day and cohort, in pandas and scikit-learn, from Parquet.

Prints the seconds it took, without imports.
"""

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss


def marts(directory: Path) -> list[pd.Series]:
    predictions = pd.read_parquet(directory / "predictions.parquet")
    labels = pd.read_parquet(directory / "labels.parquet")
    predictions = predictions.sort_values("predicted_at").drop_duplicates(
        ["request_id", "model_name", "model_version"]
    )
    labels = labels.sort_values("labeled_at").drop_duplicates(
        ["request_id", "model_name"], keep="last"
    )
    rows = predictions.merge(labels, how="left", on=["request_id", "model_name"])
    rows = rows[rows["label"].notna()]
    rows["metric_date"] = rows["predicted_at"].dt.date
    rows["is_positive"] = rows["label"] == "1"

    def mean_log_loss(group: pd.DataFrame) -> float:
        return log_loss(
            group["is_positive"].to_numpy(),
            np.column_stack([1 - group["probability"], group["probability"]]),
            labels=[False, True],
        )

    columns = ["is_positive", "probability"]
    day = ["metric_date", "model_version"]
    return [
        rows.groupby(keys)[columns].apply(mean_log_loss)
        for keys in (day, [*day, "country"])
    ]


if __name__ == "__main__":
    started = time.perf_counter()
    marts(Path(sys.argv[1]))
    print(time.perf_counter() - started)
