"""Two versions on the same days, beside an implementation with NumPy and SciPy."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from numpy.random import Generator, default_rng

from harness import (
    LABEL_COLUMNS,
    NO_DIAGNOSIS,
    PREDICTION_COLUMNS,
    UserProject,
    scratch_project,
)
from oracle import Oracle, fail_on
from oracle_decisions import Pair, version_comparison
from test_oracle_demo import VARIABLES, seed, sql_type

PAIR = Pair("flight_late", "v2", "v1", "canary", date(2013, 6, 1), date(2013, 7, 31))
DEPLOYMENTS = [
    ("flight_late", "v1", "baseline", datetime(2013, 6, 1), datetime(2013, 8, 1)),
    ("flight_late", "v2", "Canary ", datetime(2013, 6, 1, 9), datetime(2013, 8, 1)),
    # retired in the first second of a day, it has that day no more
    # without a start it has no effect
    ("flight_late", "v2", "shadow", None, None),
]


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> UserProject:
    directory = tmp_path_factory.mktemp("compared")
    project = scratch_project(
        directory,
        {"models/deployments.sql": "select * from raw.deployments"},
        {**VARIABLES, "log_loss_deployments": "user_project.deployments"},
    )
    for table in ("predictions", "labels"):
        rows = seed(f"demo_{table}")
        project.load_rows(table, rows, {column: sql_type(column) for column in rows[0]})
    names = ("model_name", "model_version", "role", "deployed_at", "retired_at")
    project.load_rows(
        "deployments",
        [{**dict(zip(names, row, strict=True)), "note": None} for row in DEPLOYMENTS],
        {name: sql_type(name) for name in (*names, "note")},
    )
    project.run(*NO_DIAGNOSIS)
    return project


@pytest.mark.parametrize("method", ["stratified", "paired"])
def test_every_look_is_scipys(compared: UserProject, method: str) -> None:
    """Both scored the requests of June, and one of them those of July."""
    oracle = Oracle(seed("demo_predictions"), seed("demo_labels"), VARIABLES)
    stratum = "origin" if method == "stratified" else None
    expected = {
        row["metric_date"]: row for row in version_comparison(oracle, PAIR, stratum)
    }
    actual = {
        row["metric_date"]: row
        for row in compared.mart_rows("log_loss_version_comparison")
        if row["method"] == method
    }
    assert len(expected) > 7
    assert actual.keys() == expected.keys()
    assert {row["decision"] for row in expected.values()} > {"keep_collecting"}
    hidden = {"rarest", "median", "baseline_mean", "pooled_count"}
    fail_on(
        [
            f"{day} {name}: {actual[day][name]!r}, not {value!r}"
            for day, row in expected.items()
            for name, value in row.items()
            if name not in hidden and not is_near(name, actual[day][name], value)
        ]
    )


def is_near(name: str, actual: object, expected: object) -> bool:
    if isinstance(expected, float):
        error = 1e-7 if name == "p_value" else 1e-9
        return actual is not None and actual == pytest.approx(expected, rel=error)
    return actual == expected


# --------------------------------------------------------------------------------------
# Harder traffic

DEPLOYED = [("v1", "baseline"), ("v2", "canary")]


def traffic(
    version: str, sharpness: float, hard_share: float, count: int, random: Generator
) -> tuple[list[dict], list[dict]]:
    """Ten days of one version; hard rows are near a coin toss for any model."""
    predictions, labels = [], []
    for number in range(10 * count):
        asked_at = datetime(2024, 3, 1, 12) + timedelta(days=number % 10)
        is_hard = random.random() < hard_share
        truth = random.random() < 0.5
        score = (0.55 if is_hard else 0.9) + sharpness + random.normal(0, 0.02)
        request = f"{version}-{number}"
        predictions.append(
            {
                "request_id": request,
                "model_name": "router",
                "model_version": version,
                "predicted_at": asked_at,
                "probability": score if truth else 1 - score,
                "difficulty": "hard" if is_hard else "easy",
            }
        )
        labels.append(
            {
                "request_id": request,
                "model_name": "router",
                "label": str(int(truth)),
                "labeled_at": asked_at + timedelta(hours=1),
            }
        )
    return predictions, labels


@pytest.mark.parametrize(
    ("sharpness", "stratum", "decision"),
    [(0.02, "difficulty", "promote"), (-0.05, "difficulty", "rollback")]
    # what the trap is: without strata the better canary looks worse
    + [(0.02, "all", "rollback")],
)
def test_harder_traffic_is_no_reason_to_roll_back(
    sharpness: float, stratum: str, decision: str, tmp_path: Path
) -> None:
    random = default_rng(7)
    baseline = traffic("v1", 0, 0.2, 400, random)
    canary = traffic("v2", sharpness, 0.8, 100, random)
    project = scratch_project(
        tmp_path,
        {"models/deployments.sql": "select * from raw.deployments"},
        {
            "log_loss_deployments": "user_project.deployments",
            "log_loss_cohorts": ["difficulty"],
            "log_loss_stratum": stratum,
            "log_loss_as_of_date": "2024-03-12",
        },
    )
    columns = {**PREDICTION_COLUMNS, "difficulty": "varchar"}
    project.load_rows("predictions", baseline[0] + canary[0], columns)
    project.load_rows("labels", baseline[1] + canary[1], LABEL_COLUMNS)
    deployments = [
        {"model_version": version, "role": role} for version, role in DEPLOYED
    ]
    for row in deployments:
        row |= {"model_name": "router", "deployed_at": datetime(2024, 3, 1)}
        row |= {"retired_at": None, "note": None}
    types = {
        **dict.fromkeys(("model_name", "model_version", "role", "note"), "varchar"),
        **dict.fromkeys(("deployed_at", "retired_at"), "timestamp"),
    }
    project.load_rows("deployments", deployments, types)
    project.run(*NO_DIAGNOSIS)
    looks = project.mart_rows("log_loss_version_comparison")
    last = max(looks, key=lambda row: row["metric_date"])
    assert last["decision"] == decision
    assert last["day_count"] == 10
    [verdict] = project.rows(
        "select status from main.log_loss_threshold_status"
        " where rule = 'canary_difference'"
    )
    assert verdict["status"] == ("error" if decision == "rollback" else "ok")
    pages = project.rows(
        "select severity from main.log_loss_alerts where rule = 'canary_difference'"
        " and alert_date = date '2024-03-12'"
    )
    assert pages == ([{"severity": "page"}] if decision == "rollback" else [])
