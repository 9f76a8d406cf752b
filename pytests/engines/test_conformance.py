"""The same rows give the same marts on every engine, in one run or in several.

Each engine's marts are compared with the oracle's, which computes them from the rows
in plain Python, and with DuckDB's.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from engines.conftest import BANK, Projects, WarehouseProject, check_shipped_target
from engines.reference import MARTS, built, built_on_duckdb
from harness import LEDGER_ONLY, PROJECT, REPOSITORY
from oracle import fail_on
from strategies import (
    DECLARED,
    FIRST_DAY,
    UNDECLARED,
    DataSet,
    Row,
    block,
    prediction_row,
    request,
)
from test_properties_incremental import (
    batches,
    check_marts,
    check_same_ledger,
    ledger,
)

ROW_LEVEL = "log_loss_scored_predictions"
SETTINGS = {
    "log_loss_models": [model.declaration for model in DECLARED],
    "log_loss_cohorts": ["device", "region"],
    "log_loss_weight": "amount",
    "log_loss_mature_days": 2,
    "log_loss_mature_coverage": 0.8,
    "log_loss_correction_absolute": 0.01,
    "log_loss_lookback_days": 3,
    "log_loss_epsilon": 1e-15,
}
# after every other row of the hostile data
LAST_DAY = FIRST_DAY + timedelta(days=60)


# ------------------------------------------------------------------ whole projects


# these take minutes to load its seeds, row by row
DEMO = pytest.param(
    REPOSITORY,
    marks=pytest.mark.not_engines("spark-distributed", "snowflake"),
    id="demo",
)


@pytest.mark.parametrize("path", [DEMO, pytest.param(BANK, id="bank")])
def test_a_project_builds_as_on_duckdb(
    path: Path, engine: Projects, tmp_path: Path
) -> None:
    """Seeds, contracts, unit tests and data tests included, with the same verdicts."""
    here, duckdb = built(engine, path), built_on_duckdb(path, tmp_path)
    left_out = set(engine.warehouse.excluded)
    if not engine.warehouse.takes_seeds:
        left_out |= {seed.stem for seed in (path / "seeds").glob("*.csv")}
    assert here.outcomes == {
        name: outcome for name, outcome in duckdb.outcomes.items() if name not in left_out
    }
    # the bank's few days are too short a past to compare with
    empty = {mart for mart in MARTS if not duckdb.marts[mart]}
    assert not empty or path == BANK
    for mart in MARTS:
        if mart in empty:
            assert not here.marts[mart]
            continue
        if mart == ROW_LEVEL and engine.warehouse.falls_short:
            # the client reads a null timestamp of an emulator as 1970
            continue
        fail_on(differences(mart, here.marts[mart], duckdb.marts[mart]))


def test_the_shipped_target_is_complete(
    engine: Projects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_ = engine.warehouse.output["type"]
    target = "dev" if type_ == "duckdb" else type_
    check_shipped_target(target, tmp_path, monkeypatch)


def differences(name: str, actual: list[Row], expected: list[Row]) -> list[str]:
    """Everything but doubles exactly; doubles to 1e-9."""
    assert expected, f"{name} is empty"
    doubles = {
        column for row in expected for column in row if isinstance(row[column], float)
    }

    def keyed(rows: list[Row]) -> dict[tuple, Row]:
        exact = [column for column in expected[0] if column not in doubles]
        cells = {tuple(row[column] for column in exact): row for row in rows}
        assert len(cells) == len(rows), f"rows of {name} differ in doubles alone"
        return cells

    have, want = keyed(actual), keyed(expected)
    # like rows beside each other
    unlike = sorted(have.keys() ^ want.keys(), key=str)
    found = [f"{name} {'has' if key in have else 'lacks'} {key}" for key in unlike]
    for key in have.keys() & want.keys():
        found += [
            f"{name} {key} {column}: {have[key][column]!r}, not {want[key][column]!r}"
            for column in doubles
            if not is_near(have[key][column], want[key][column])
        ]
    return found


def is_near(actual: object, expected: object) -> bool:
    if actual is None or expected is None:
        return actual is expected
    return math.isclose(actual, expected, rel_tol=1e-9, abs_tol=1e-12)


# ------------------------------------------------------------------ hostile rows


def hostile_data() -> DataSet:
    models = (UNDECLARED, *DECLARED)
    cases = [request(models, Random(number)) for number in range(120)]
    cases += [block(model, 31, 10, 4, is_certain=False) for model in models]
    return DataSet(
        predictions=[row for predictions, _ in cases for row in predictions],
        labels=[row for _, labels in cases for row in labels],
        variables=SETTINGS,
        has_loaded_at=True,
    )


def test_hostile_loads(engine: Projects, reference: Projects) -> None:
    """A full refresh and three loads on top; late rows, copies, revisions in each.

    The last load is then deleted again, and its day restated: strategies replace the
    partitions that have new rows, and that day has none left.
    """
    data = hostile_data()
    last = prediction_row(UNDECLARED, "last", "v1", LAST_DAY, LAST_DAY, 0.3)
    loads = [
        *batches(data, 3, Random(1)),
        replace(data, predictions=[last], labels=[]),
    ]
    projects = [p.project(PROJECT, data.variables) for p in (engine, reference)]
    seen = replace(data, predictions=[], labels=[])
    for number, load in enumerate(loads):
        seen = replace(
            seen,
            predictions=seen.predictions + load.predictions,
            labels=seen.labels + load.labels,
        )
        for project in projects:
            load.load_into(project, append=number > 0)
            if number == 0:
                project.full_refresh(*LEDGER_ONLY)
            else:
                project.run_incrementally(*LEDGER_ONLY)
        check_against(seen, *projects)
    for project in projects:
        data.load_into(project)
        project.variables = {
            **data.variables,
            "log_loss_reprocess_from": LAST_DAY.date().isoformat(),
        }
        project.run_incrementally(*LEDGER_ONLY)
    check_against(data, *projects)


def check_against(
    seen: DataSet, here: WarehouseProject, duckdb: WarehouseProject
) -> None:
    check_marts(here, seen)
    check_same_ledger(ledger(here), ledger(duckdb))
