"""Evidently's LogLoss, one report per day, on rows joined and deduplicated for it.

Prints the seconds that the reports took, without imports and without reading.
"""

import sys
import time
from pathlib import Path

import pandas as pd
from evidently import BinaryClassification, DataDefinition, Dataset, Report
from evidently.metrics import LogLoss

if __name__ == "__main__":
    rows = pd.read_parquet(Path(sys.argv[1]) / "scored.parquet")
    rows["label"] = rows["label"].astype(int)
    definition = DataDefinition(
        classification=[
            BinaryClassification(
                target="label", prediction_probas="probability", pos_label=1
            )
        ],
        numerical_columns=["probability"],
        categorical_columns=["label"],
    )
    started = time.perf_counter()
    for _, day in rows.groupby("metric_date"):
        dataset = Dataset.from_pandas(
            day[["label", "probability"]], data_definition=definition
        )
        Report([LogLoss()]).run(dataset, None)
    print(time.perf_counter() - started)
