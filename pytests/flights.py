"""The demo's flights as a user's own rows, and the settings that they need."""

from __future__ import annotations

import csv
import fcntl
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from harness import UserProject, copied
from oracle import Oracle

SEEDS = Path(__file__).parents[1] / "seeds"

CLASSES = {"on_time": "p_on_time", "late": "p_late", "very_late": "p_very_late"}
VARIABLES = {
    "log_loss_cohorts": ["origin", "carrier"],
    "log_loss_weight": "seats",
    "log_loss_models": [
        {
            "name": "flight_outcome",
            "classes": [{"label": k, "column": v} for k, v in CLASSES.items()],
        }
    ],
}
FEATURES = [
    {"column": "seats", "type": "numeric"},
    {"column": "carrier", "type": "categorical"},
]
NUMBERS = {"seats", "probability", *CLASSES.values()}


def sql_type(column: str) -> str:
    if column in NUMBERS:
        return "double"
    return "timestamp" if column.endswith("_at") else "varchar"


def python_value(column: str, written: str) -> object:
    if written == "":
        return None
    if column in NUMBERS:
        return float(written)
    return datetime.fromisoformat(written) if column.endswith("_at") else written


def seed(name: str) -> list[dict]:
    with (SEEDS / f"{name}.csv").open(newline="") as file:
        return [
            {column: python_value(column, written) for column, written in row.items()}
            for row in csv.DictReader(file)
        ]


def load_into(project: UserProject) -> None:
    for table in ("predictions", "labels"):
        rows = seed(f"demo_{table}")
        project.load_rows(table, rows, {column: sql_type(column) for column in rows[0]})


@pytest.fixture(scope="session")
def oracle() -> Oracle:
    """What is known of the demo's flights."""
    return Oracle(seed("demo_predictions"), seed("demo_labels"), VARIABLES)


@pytest.fixture(scope="session")
def whole_demo(
    installed_package: None, tmp_path_factory: pytest.TempPathFactory
) -> UserProject:
    """The demo's flights with everything that is made of them, to be read or copied.

    Built once for all workers; each has a copy, as DuckDB lets one process in.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    own = tmp_path_factory.mktemp("flights")
    with (shared / "flights.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        built = UserProject(
            shared / "built_flights" / "warehouse.duckdb",
            own / "target",
            VARIABLES | {"log_loss_features": FEATURES},
        )
        if not built.path.exists():
            building = replace(built, path=own / built.path.name)
            load_into(building)
            building.run()
            copied(building, built.path.parent)
            return building
        return copied(built, own)
