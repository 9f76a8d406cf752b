"""NannyML's performance calculator per day, on rows joined and deduplicated for it.

It has no log loss; this is its ROC AUC, one metric as well. Prints the seconds that
the calculation took, without imports and without reading.
"""

import sys
import time
from pathlib import Path

import nannyml
import pandas as pd

if __name__ == "__main__":
    rows = pd.read_parquet(Path(sys.argv[1]) / "scored.parquet")
    rows["label"] = rows["label"].astype(int)
    rows["predicted"] = (rows["probability"] >= 0.5).astype(int)
    half = rows["metric_date"].quantile(0.5, interpolation="nearest")
    started = time.perf_counter()
    calculator = nannyml.PerformanceCalculator(
        y_true="label",
        y_pred="predicted",
        y_pred_proba="probability",
        timestamp_column_name="predicted_at",
        problem_type="classification_binary",
        metrics=["roc_auc"],
        chunk_period="D",
    )
    calculator.fit(rows[rows["metric_date"] <= half])
    calculator.calculate(rows[rows["metric_date"] > half])
    print(time.perf_counter() - started)
