"""Whose past a young version borrows, and what is said where there is none."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from harness import (
    LABEL_COLUMNS,
    PREDICTION_COLUMNS,
    UserProject,
    copied,
    scratch_project,
)

START = datetime(2024, 3, 1, 12)
LOADED = {"loaded_at": "timestamp"}
# with 14 days a baseline needs 7; of 13 days a version has 6 before the evaluated ones
LIVES = {
    # model: version, first day, number of days, day on which all of it was loaded
    "steady": [("v1", 0, 20, None), ("v2", 20, 10, None), ("v3", 30, 13, None)],
    "tried": [("v1", 0, 20, None), ("v2", 20, 10, None), ("v3", 30, 13, None)],
    "promoted": [("v1", 0, 20, None), ("v2", 20, 10, None), ("v3", 30, 13, None)],
    "adopted_later": [("v1", 0, 20, None), ("v2", 20, 10, None), ("v3", 30, 13, None)],
    "misspelt_role": [("v1", 0, 20, None), ("v2", 20, 10, None), ("v3", 30, 13, None)],
    "only_tried": [("v1", 0, 5, None), ("v2", 5, 15, None), ("v3", 20, 13, None)],
    "brief": [("v1", 0, 20, None), ("v2", 20, 2, None), ("v3", 22, 13, None)],
    "only_brief": [("v1", 0, 5, None), ("v2", 5, 13, None)],
    # a day before all of them, loaded later, does not change who came first
    "backfilled": [("z", 0, 20, 34), ("a", 20, 12, 34), ("a", -3, 1, 42)],
}
DEPLOYMENTS = [
    ("tried", "v1", "serving", 0),
    ("tried", "v2", "canary", 20),
    ("tried", "v3", "serving", 30),
    ("promoted", "v1", "serving", 0),
    ("promoted", "v2", "canary", 20),
    ("promoted", "v2", "serving", 28),
    ("adopted_later", "v1", "serving", 0),
    ("adopted_later", "v2", "canary", 20),
    ("adopted_later", "v2", "serving", 60),
    ("misspelt_role", "v2", "champion", 20),
    ("only_tried", "v2", "canary", 5),
]


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> UserProject:
    project = scratch_project(
        tmp_path_factory.mktemp("lives"),
        {"models/deployments.sql": "select * from raw.deployments"},
        {
            "log_loss_predictions": "user_project.predictions",
            "log_loss_labels": "user_project.labels",
            "log_loss_deployments": "user_project.deployments",
            "log_loss_baseline_days": 14,
        },
    )
    predictions, labels = [], []
    for model, versions in LIVES.items():
        for version, first, count, loaded in versions:
            for number in range(40 * count):
                day = first + number % count
                at = START + timedelta(days=day)
                row = {
                    "request_id": f"{version}-{first}-{number}",
                    "model_name": model,
                    "loaded_at": at if loaded is None else START + timedelta(loaded),
                }
                predictions.append(
                    {
                        **row,
                        "model_version": version,
                        "predicted_at": at,
                        "probability": 0.5 + (number % 7) / 20,
                    }
                )
                labels.append(
                    {**row, "label": str(number // count % 2), "labeled_at": at}
                )
    project.load_rows("predictions", predictions, {**PREDICTION_COLUMNS, **LOADED})
    project.load_rows("labels", labels, {**LABEL_COLUMNS, **LOADED})
    project.load_rows(
        "deployments",
        [
            {
                "model_name": model,
                "model_version": version,
                "role": role,
                "deployed_at": START + timedelta(days=day),
                "retired_at": None,
                "note": None,
            }
            for model, version, role, day in DEPLOYMENTS
        ],
        {
            "model_name": "varchar",
            "model_version": "varchar",
            "role": "varchar",
            "deployed_at": "timestamp",
            "retired_at": "timestamp",
            "note": "varchar",
        },
    )
    project.run("--select", "+int_log_loss__rule_statuses", "+log_loss_baselines")
    return project


@pytest.mark.parametrize(
    ("model", "young", "lender"),
    [
        ("steady", "v3", "v2"),
        ("tried", "v3", "v1"),
        ("promoted", "v3", "v2"),
        ("adopted_later", "v3", "v1"),
        ("misspelt_role", "v3", "v2"),
        ("only_tried", "v3", "v2"),
        ("brief", "v3", "v1"),
        ("backfilled", "a", "z"),
    ],
)
def test_a_young_version_borrows_from_the_last_that_served(
    lives: UserProject, model: str, young: str, lender: str
) -> None:
    assert lenders(lives, model, young) == {lender}


def lenders(lives: UserProject, model: str, version: str) -> set[str]:
    return {
        row["baseline_version"]
        for row in lives.mart_rows("log_loss_baselines")
        if (row["model_name"], row["model_version"]) == (model, version)
    }


def test_without_any_past_the_status_says_so(lives: UserProject) -> None:
    now = (
        "where model_name = 'only_brief' and model_version = 'v2'"
        f" and as_of_date = date '{START + timedelta(days=17):%Y-%m-%d}'"
    )
    statuses = lives.rows(
        f"select status from main.int_log_loss__rule_statuses {now}"
        " and rule = 'mean_log_loss_increase'"
    )
    assert statuses == [{"status": "insufficient_data"}]
    assert lives.rows(f"select * from main.int_log_loss__baselines {now}") == []


def test_a_version_without_a_day_of_the_fixed_ones_lends_nothing(
    lives: UserProject, tmp_path: Path
) -> None:
    copy = copied(lives, tmp_path)
    days = {"start_date": "2024-03-01", "end_date": "2024-03-10"}
    copy.variables["log_loss_baseline"] = days
    copy.run("--select", "int_log_loss__clock+,+log_loss_baselines")
    assert lenders(copy, "steady", "v3") == {"v1"}
