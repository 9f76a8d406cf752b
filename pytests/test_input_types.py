"""Inputs may have any type that casts to the documented one: the numbers are the same.

The rows are the same in every case; only their SQL types and spellings differ. Expected
values come from scikit-learn. Probabilities are multiples of 1/64, which every type
used here holds exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from harness import (
    CORE_ONLY,
    LABEL_COLUMNS,
    PREDICTION_COLUMNS,
    PROJECT,
    UserProject,
    messages,
    scratch_project,
)

EPSILON = 1e-15

# undeclared `plain`, and `delay` with a class that is a word
CLASSES = {"plain": ["0", "1"], "delay": ["on_time", "late"]}
VARIABLES = {
    "log_loss_models": [
        {
            "name": "delay",
            "classes": [
                {"label": "on_time"},
                {"label": "late", "column": "probability"},
            ],
        }
    ]
}


def predictions(model: str) -> pd.DataFrame:
    """Thirty predictions on three days, from midnight to nine minutes before it."""
    numbers = np.arange(30)
    return pd.DataFrame(
        {
            "request_id": [str(1000 + number) for number in numbers],
            "model_name": model,
            "model_version": "3",
            "predicted_at": pd.Timestamp("2024-01-01") + pd.to_timedelta(
                numbers // 10 * 24 * 60 + numbers % 10 * 159, unit="min"
            ),
            "probability": (numbers * 7 % 64 + 1) / 64,
        }
    )  # fmt: skip


def labels(model: str) -> pd.DataFrame:
    """A label for all but the last two; one is revised, one is withdrawn."""
    first = predictions(model).head(28)
    chosen = [CLASSES[model][number * 5 % 7 % 2] for number in range(len(first))]
    events = pd.DataFrame(
        {
            "request_id": first["request_id"],
            "model_name": model,
            "label": chosen,
            "labeled_at": first["predicted_at"] + pd.Timedelta(hours=36),
        }
    )
    later = events.head(2).copy()
    later["label"] = [next(c for c in CLASSES[model] if c != chosen[0]), None]
    later["labeled_at"] += pd.Timedelta(hours=24)
    return pd.concat([events, later], ignore_index=True)


@dataclass(frozen=True)
class Rows:
    """What is loaded, before any spelling is changed."""

    predictions: pd.DataFrame
    labels: pd.DataFrame

    def changed(
        self, changes: dict[str, Callable[[pd.Series], object]]
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Both tables with a function applied to each column named."""
        tables = self.predictions.copy(), self.labels.copy()
        for table in tables:
            for column, change in changes.items():
                if column in table:
                    table[column] = change(table[column])
        return tables


def rows_of(*models: str) -> Rows:
    return Rows(
        pd.concat([predictions(model) for model in models], ignore_index=True),
        pd.concat([labels(model) for model in models], ignore_index=True),
    )


def certain(rows: Rows) -> Rows:
    """The same with probabilities of 0 and 1, and everything at midnight."""
    predictions, labels = rows.changed(
        {
            "probability": lambda column: (column > 0.5).astype(float),
            "predicted_at": lambda column: column.dt.floor("D"),
            "labeled_at": lambda column: column.dt.floor("D"),
        }
    )
    return Rows(predictions, labels)


def expected_daily(rows: Rows) -> pd.DataFrame:
    """Counts and scikit-learn's mean loss by model and UTC date."""
    latest = rows.labels.sort_values("labeled_at").drop_duplicates(
        ["request_id", "model_name"], keep="last"
    )
    judged = rows.predictions.merge(
        latest, on=["request_id", "model_name"], how="left"
    )
    judged["metric_date"] = judged["predicted_at"].dt.floor("D")
    records = []
    for (model, day), group in judged.groupby(["model_name", "metric_date"]):
        labeled = group.dropna(subset=["label"])
        positive = labeled["probability"].to_numpy()
        matrix = np.column_stack([1 - positive, positive])
        records.append(
            {
                "model_name": model,
                "metric_date": day,
                "prediction_count": len(group),
                "rejected_count": 0,
                "labeled_count": len(labeled),
                "mean_log_loss": metrics.log_loss(
                    labeled["label"].map(CLASSES[model].index),
                    np.clip(matrix, EPSILON, 1 - EPSILON),
                    labels=[0, 1],
                ),
            }
        )
    return pd.DataFrame(records)


def assert_expected(project: UserProject, rows: Rows) -> None:
    daily = project.mart("log_loss_daily")
    expected = expected_daily(rows)
    pd.testing.assert_frame_equal(
        daily[list(expected.columns)]
        .sort_values(["model_name", "metric_date"])
        .reset_index(drop=True),
        expected,
        check_dtype=False,
        rtol=1e-12,
        atol=0,
    )
    assert len(project.mart("log_loss_rejections")) == 0


def load(
    project: UserProject,
    tables: tuple[pd.DataFrame, pd.DataFrame],
    types: dict[str, str],
) -> None:
    for name, table, columns in [
        ("predictions", tables[0], PREDICTION_COLUMNS),
        ("labels", tables[1], LABEL_COLUMNS),
    ]:
        chosen = {column: types.get(column, type_) for column, type_ in columns.items()}
        project.load(name, table, chosen)


def build(project: UserProject) -> None:
    project.run("--full-refresh", "--select", "+log_loss_daily", "+log_loss_rejections")


def spelled(**spellings: list[str]) -> Callable[[pd.Series], pd.Series]:
    """Replace each label by its spellings in turn."""

    def change(column: pd.Series) -> pd.Series:
        turns = {label: 0 for label in spellings}
        changed = []
        for label in column:
            if label in spellings:
                choices = spellings[label]
                changed.append(choices[turns[label] % len(choices)])
                turns[label] += 1
            else:
                changed.append(label)
        return pd.Series(changed, index=column.index, dtype=object)

    return change


def iso(suffix: str) -> Callable[[pd.Series], pd.Series]:
    return lambda column: column.dt.strftime("%Y-%m-%dT%H:%M:%S") + suffix


PLAIN = rows_of("plain")
WORDS = rows_of("plain", "delay")
CERTAIN = certain(PLAIN)
ZONED = {"predicted_at": iso("+00"), "labeled_at": iso("+00")}


@dataclass(frozen=True)
class Case:
    """Rows, the SQL types that differ from the documented ones, and spellings."""

    rows: Rows
    types: dict[str, str] = field(default_factory=dict)
    changes: dict[str, Callable[[pd.Series], object]] = field(default_factory=dict)


CASES = {
    "the documented types": Case(PLAIN),
    "decimals, integer ids and labels": Case(
        PLAIN,
        {"probability": "decimal(9, 6)", "request_id": "bigint", "label": "integer",
         "model_version": "integer"},
    ),
    "real, boolean labels, time zones": Case(
        PLAIN,
        {"probability": "real", "label": "boolean", "predicted_at": "timestamptz",
         "labeled_at": "timestamptz"},
        ZONED,
    ),
    "labels as doubles, times as text": Case(
        PLAIN,
        {"label": "double", "predicted_at": "varchar", "labeled_at": "varchar"},
        {"predicted_at": iso(""), "labeled_at": iso("Z")},
    ),
    "labels as decimals, probabilities as text": Case(
        PLAIN,
        {"label": "decimal(3, 2)", "probability": "varchar", "request_id": "hugeint",
         "predicted_at": "timestamp_s", "labeled_at": "timestamp_ns"},
    ),
    "integer probabilities, dates": Case(
        CERTAIN,
        {"probability": "integer", "predicted_at": "date", "labeled_at": "date",
         "label": "tinyint"},
    ),
    "labels in many spellings": Case(
        WORDS,
        changes={"label": spelled(**{
            "0": ["0", "0.0", "False", " 0 ", "0.000"],
            "1": ["1", "1.0", "TRUE", "true ", "1.00"],
            "late": ["late", " late ", "LATE", "Late"],
            "on_time": ["on_time", "On_Time "],
        })},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> UserProject:
    """One project for all cases: dbt then parses it once."""
    directory = tmp_path_factory.mktemp("types")
    return UserProject(directory / "types.duckdb", directory / "target", VARIABLES)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_types_and_spellings_do_not_change_a_number(
    project: UserProject, case: Case
) -> None:
    load(project, case.rows.changed(case.changes), case.types)
    build(project)
    assert_expected(project, case.rows)


def test_the_rows_are_worth_comparing() -> None:
    """Both classes, a revision, a withdrawal, and a loss that differs by day."""
    assert len(expected_daily(PLAIN)["mean_log_loss"].unique()) == 3
    assert expected_daily(CERTAIN)["mean_log_loss"].min() > 1
    assert set(PLAIN.labels["label"].dropna()) == {"0", "1"}
    assert expected_daily(PLAIN)["labeled_count"].tolist() == [9, 10, 8]


def test_labels_that_are_no_class_are_rejected(project: UserProject) -> None:
    wrong = ["2", "yes", "", "1.5", "10", "1.01", "nan", "01", "0 1", "1."]
    # these end like a decimal of zeros, after another character than a point
    wrong += ["110", "1x0"]
    events = PLAIN.labels.head(len(wrong)).copy()
    events["label"] = wrong
    load(project, (PLAIN.predictions, events), {})
    build(project)
    rejections = project.mart("log_loss_rejections")
    assert rejections["reason"].unique().tolist() == ["unknown_class"]
    assert rejections["row_count"].sum() == len(wrong)
    assert project.mart("log_loss_daily")["labeled_count"].sum() == 0


def changed_project(directory: Path, name: str, old: str, new: str) -> UserProject:
    """The user's project with one file changed."""
    text = (PROJECT / name).read_text()
    assert old in text
    return scratch_project(directory, {name: text.replace(old, new)}, VARIABLES)


@pytest.fixture(scope="module")
def in_new_york(tmp_path_factory: pytest.TempPathFactory) -> UserProject:
    """The user's project in a warehouse whose sessions are not in UTC."""
    zone = "TimeZone: {}".format
    directory = tmp_path_factory.mktemp("new_york")
    return changed_project(
        directory, "profiles.yml", zone("UTC"), zone("America/New_York")
    )


def test_plain_timestamps_are_utc_whatever_the_session_says(
    in_new_york: UserProject,
) -> None:
    load(in_new_york, PLAIN.changed({}), {})
    build(in_new_york)
    assert_expected(in_new_york, PLAIN)


def test_timestamps_with_a_time_zone_are_dated_in_utc(in_new_york: UserProject) -> None:
    types = {"predicted_at": "timestamptz", "labeled_at": "timestamptz"}
    load(in_new_york, PLAIN.changed(ZONED), types)
    build(in_new_york)
    assert_expected(in_new_york, PLAIN)


@pytest.mark.parametrize("table", ["predictions", "labels"])
def test_an_ephemeral_input_is_refused(tmp_path: Path, table: str) -> None:
    """It has no relation to look columns up in: its `loaded_at` would go unseen."""
    ephemeral = "{{ config(materialized='ephemeral') }} select"
    project = changed_project(tmp_path, f"models/{table}.sql", "select", ephemeral)
    load(project, PLAIN.changed({}), {})
    result = project.invoke("run", "--select", f"+stg_log_loss__{table}")
    assert not result.success
    (message,) = messages(result)
    assert f"the variable `log_loss_{table}` is not usable" in message
    assert f"user_project.{table}, an ephemeral model" in message
    assert "Fix: materialize that model as a view or a table." in message


# a cohort, a weight and a class, as the settings spell them
KEYWORDS = ("order", "group", "select")


@pytest.mark.parametrize("spelling", [str.lower, str.capitalize, str.upper])
def test_columns_may_be_named_like_keywords(
    tmp_path: Path, spelling: Callable[[str], str]
) -> None:
    cohort, weight, positive = map(spelling, KEYWORDS)
    table = PLAIN.predictions.rename(columns={"probability": positive})
    table[cohort] = np.where(np.arange(len(table)) % 3 == 0, "first", "second")
    table[weight] = np.arange(len(table)) % 4 + 0.5
    columns = {**PREDICTION_COLUMNS, cohort: "varchar", weight: "double"}
    columns[positive] = columns.pop("probability")
    classes = [{"label": "0"}, {"label": "1", "column": "select"}]
    project = UserProject(
        tmp_path / "types.duckdb",
        tmp_path / "target",
        {
            "log_loss_models": [{"name": "plain", "classes": classes}],
            "log_loss_cohorts": ["order"],
            "log_loss_weight": "group",
        },
    )
    project.load("predictions", table, columns)
    project.load("labels", PLAIN.labels, LABEL_COLUMNS)
    # one of them shows that no later model stumbles over the names
    project.run(*([] if spelling is str.upper else CORE_ONLY))

    assert_expected(project, PLAIN)
    by_cohort = project.mart("log_loss_daily_by_cohort")
    assert set(by_cohort["cohort_name"]) == {"order"}
    counts = by_cohort.groupby("cohort_value")["prediction_count"].sum()
    assert counts.to_dict() == {"first": 10, "second": 20}
    scored = project.mart("log_loss_scored_predictions").set_index("request_id")
    given = table.set_index("request_id").loc[scored.index]
    assert scored[cohort].tolist() == given[cohort].tolist()
    assert scored["weight"].tolist() == given[weight].tolist()
    assert scored["score"].tolist() == given[positive].tolist()
