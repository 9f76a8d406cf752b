"""Put the whole year of flights where the demo's seeds would be.

The models read `demo_predictions` and `demo_labels`; in the year's database these are
views over the Parquet files, so that nothing is copied. The thresholds,
deployments and training metrics are the demo's.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

SEEDS = Path(__file__).parent.parent / "seeds"


def main(year: Path, database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        for name in ("predictions", "labels"):
            file = (year / f"{name}.parquet").resolve()
            connection.execute(
                f"create or replace view demo_{name} as select * from '{file}'"
            )
        for name in ("thresholds", "deployments", "training_metrics"):
            connection.execute(
                f"create or replace table demo_{name} as "
                f"select * from '{SEEDS / f'demo_{name}.csv'}'"
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
