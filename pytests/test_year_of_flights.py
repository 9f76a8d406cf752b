"""The whole year of flights against pandas and scikit-learn, for every version and day."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from dbt.cli.main import dbtRunner
from sklearn.metrics import log_loss

from harness import copy_database, messages

ROOT = Path(__file__).parents[1]
KEYS = ["request_id", "model_name", "model_version"]
DAY = ["metric_date", "model_name", "model_version"]
OUTCOMES = ["on_time", "late", "very_late"]
# scikit-learn warns where three scores of six decimals sum to 0.999999
pytestmark = pytest.mark.filterwarnings("ignore:The y_prob values do not sum to one")
AS_OF_DATES = ["2013-03-31", "2013-06-30", "2013-07-15", "2014-01-27"]


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of `make flights`, in a directory of their own."""
    directory = tmp_path_factory.mktemp("year")
    scripts = ROOT / "scripts"
    made = [ROOT / "data" / f"{name}.parquet" for name in ("predictions", "labels")]
    if all(path.exists() for path in made):
        for path in made:
            (directory / path.name).symlink_to(path)
    else:
        command = [scripts / "make_demo_data.py", "--year", directory]
        subprocess.run([sys.executable, *map(str, command)], check=True)
    command = [scripts / "load_year.py", directory, directory / "flights.duckdb"]
    subprocess.run([sys.executable, *map(str, command)], check=True)
    os.environ["LOG_LOSS_FLIGHTS_PATH"] = str(directory / "flights.duckdb")
    result = dbtRunner().invoke(
        ["--quiet", "build", "--target", "flights"]
        + ["--exclude", "resource_type:seed", "resource_type:unit_test"]
        + ["--project-dir", str(ROOT), "--profiles-dir", str(ROOT / "profiles")]
        + ["--target-path", str(directory / "target")]
        + ["--log-path", str(directory / "target")]
    )
    assert result.success, messages(result)
    return directory


def mart(year: Path, name: str) -> pd.DataFrame:
    with duckdb.connect(str(year / "flights.duckdb")) as connection:
        return connection.execute(f"from {name}").df()


@pytest.fixture(scope="module")
def accepted(year: Path) -> pd.DataFrame:
    """Usable predictions, the copy loaded first, with their prediction date."""
    rows = pd.read_parquet(year / "predictions.parquet")
    binary = rows.model_name.eq("flight_late")
    classes = rows[["p_on_time", "p_late", "p_very_late"]]
    usable = (
        rows[[*KEYS, "predicted_at"]].notna().all(axis=1)
        & rows.seats.ge(0)
        & rows.loaded_at.lt("2030-01-01")
        & (
            (binary & rows.probability.between(0, 1))
            | (~binary & classes.sum(axis=1, skipna=False).sub(1).abs().le(1e-3))
        )
    )
    rows = rows[usable].sort_values(["loaded_at", "predicted_at"], kind="stable")
    rows = rows.drop_duplicates(KEYS)
    return rows.assign(metric_date=rows.predicted_at.dt.normalize())


@pytest.fixture(scope="module")
def events(year: Path) -> pd.DataFrame:
    """Usable label events in the order in which a later one is the truth."""
    rows = pd.read_parquet(year / "labels.parquet")
    rows = rows[
        rows[["request_id", "model_name", "labeled_at"]].notna().all(axis=1)
        & rows.loaded_at.lt("2030-01-01")
    ]
    spelled = {"1.0": "1", "0.0": "0", "true": "1", "false": "0"}
    rows = rows.assign(label=rows.label.replace(spelled))
    known = rows.label.isna() | (
        rows.label.isin(OUTCOMES).where(
            rows.model_name.eq("flight_outcome"), rows.label.isin(["0", "1"])
        )
    )
    rows = rows[known].sort_values("loaded_at", kind="stable")
    rows = rows.drop_duplicates(["request_id", "model_name", "label", "labeled_at"])
    return rows.sort_values(["labeled_at", "loaded_at"], kind="stable")


def truth(accepted: pd.DataFrame, events: pd.DataFrame, as_of: str) -> pd.DataFrame:
    """Each prediction known by the end of a date, with the label in force then."""
    end = pd.Timestamp(as_of) + pd.Timedelta(days=1)
    latest = (
        events[events.loaded_at < end]
        .drop_duplicates(["request_id", "model_name"], keep="last")
        .loc[:, ["request_id", "model_name", "label"]]
    )
    known = accepted[accepted.loaded_at < end]
    return known.merge(latest, on=["request_id", "model_name"], how="left")


def mean_losses(rows: pd.DataFrame) -> pd.DataFrame:
    """scikit-learn's mean log loss of every version and day, with its counts."""
    means = []
    for key, day in rows.groupby(DAY):
        labeled = day[day.label.notna()]
        if key[1] == "flight_late":
            scores = pd.concat([1 - labeled.probability, labeled.probability], axis=1)
            classes = ["0", "1"]
        else:
            scores = labeled[["p_late", "p_on_time", "p_very_late"]]
            classes = ["late", "on_time", "very_late"]
        mean = None
        if len(labeled):
            chosen = scores.to_numpy().clip(1e-15, 1 - 1e-15)
            mean = log_loss(labeled.label, chosen, labels=classes, normalize=True)
        means.append((*key, len(day), len(labeled), mean))
    return pd.DataFrame(
        means, columns=[*DAY, "prediction_count", "labeled_count", "mean_log_loss"]
    )


def assert_agree(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    both = ours.merge(theirs, on=DAY, how="outer", suffixes=("", "_expected"))
    for count in ("prediction_count", "labeled_count"):
        assert (both[count] == both[f"{count}_expected"]).all(), count
    pd.testing.assert_series_equal(
        both.mean_log_loss,
        both.mean_log_loss_expected.astype(float),
        check_names=False,
        rtol=1e-12,
    )


def test_every_version_and_day_is_scikit_learns(
    year: Path, accepted: pd.DataFrame, events: pd.DataFrame
) -> None:
    ours = mart(year, "log_loss_daily")
    ours = ours[ours.prediction_count > 0]
    assert_agree(ours, mean_losses(truth(accepted, events, "2014-12-31")))
    assert ours.prediction_count.sum() > 725_000


@pytest.mark.parametrize("as_of", AS_OF_DATES)
def test_the_past_is_what_a_direct_computation_says(
    year: Path, accepted: pd.DataFrame, events: pd.DataFrame, as_of: str
) -> None:
    history = mart(year, "log_loss_retroactive_corrections")
    known = history[history.as_of_date <= as_of].sort_values("as_of_date")
    ours = known.drop_duplicates(DAY, keep="last").rename(
        columns={
            "prediction_count_as_of": "prediction_count",
            "labeled_count_as_of": "labeled_count",
            "mean_log_loss_as_of": "mean_log_loss",
        }
    )
    assert_agree(ours, mean_losses(truth(accepted, events, as_of)))


# --------------------------------------------------------------------------------------
# The summer: storms in the last week of June, and a canary in July


@pytest.fixture(scope="module")
def summer(year: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same flights, judged on each date up to the middle of August."""
    directory = tmp_path_factory.mktemp("summer")
    database = directory / "flights.duckdb"
    copy_database(year / "flights.duckdb", database)
    os.environ["LOG_LOSS_FLIGHTS_PATH"] = str(database)
    result = dbtRunner().invoke(
        ["--quiet", "run", "--target", "flights", "--select", "int_log_loss__clock+"]
        + ["--exclude", "tag:log_loss_diagnosis"]
        + ["--vars", "{log_loss_as_of_date: 2013-08-15}"]
        + ["--project-dir", str(ROOT), "--profiles-dir", str(ROOT / "profiles")]
        + ["--target-path", str(directory / "target")]
        + ["--log-path", str(directory / "target")]
    )
    assert result.success, messages(result)
    return directory


def losses_of(rows: pd.DataFrame) -> pd.Series:
    scores = rows.probability.clip(1e-15, 1 - 1e-15)
    return -np.log(scores.where(rows.label.eq("1"), 1 - scores))


def test_the_storms_are_no_page(
    summer: Path, accepted: pd.DataFrame, events: pd.DataFrame
) -> None:
    """The week is 41 % above the past, 32 standard errors of rows, and 2.6 of days."""
    known = truth(accepted, events, "2013-07-05")
    week = known[
        known.model_name.eq("flight_late")
        & known.model_version.eq("v1")
        & known.metric_date.between("2013-06-24", "2013-06-30")
        & known.label.notna()
    ]
    expected = log_loss(week.label, week.probability, labels=["0", "1"])
    with duckdb.connect(str(summer / "flights.duckdb")) as connection:
        mean, base, z_rows, z_days, p_value = connection.execute(
            "select mean_value, baseline_mean, z_rows, z_days, p_value"
            " from int_log_loss__baseline_comparisons"
            " where as_of_date = date '2013-07-05' and measure = 'log_loss'"
            " and window_name = 'evaluation' and model_name = 'flight_late'"
            " and model_version = 'v1' and cohort_name = 'all' and label = 'all'"
        ).fetchone()
        told = connection.execute(
            "select distinct rule from log_loss_alerts where severity = 'page'"
            " and not is_suppressed"
        ).fetchall()
    assert mean == pytest.approx(expected, rel=1e-12)
    assert mean / base > 1.4
    assert z_rows > 30 and 2 < z_days < 3 and p_value > 0.005
    # the demo's absolute limits, and nothing that compares with the past
    assert {rule for (rule,) in told} == {"mean_log_loss", "cohort_log_loss"}


@pytest.mark.parametrize("role", ["shadow", "canary"])
def test_the_new_version_is_promoted_as_scikit_learn_would(
    summer: Path, accepted: pd.DataFrame, events: pd.DataFrame, role: str
) -> None:
    comparisons = mart(summer, "log_loss_version_comparison")
    last = comparisons[
        comparisons.model_name.eq("flight_late")
        & comparisons.role.eq(role)
        & comparisons.method.eq("paired" if role == "shadow" else "stratified")
    ].sort_values("metric_date").iloc[-1]
    assert last.decision == "promote"
    month = ("2013-06-01", "2013-06-30") if role == "shadow" else ("2013-07-01", "2013-07-31")
    known = truth(accepted, events, str(last.as_of_date.date()))
    rows = known[
        known.model_name.eq("flight_late")
        & known.metric_date.between(*month)
        & known.label.notna()
    ]
    rows = rows.assign(loss=losses_of(rows))
    if role == "shadow":
        pairs = rows.pivot(index="request_id", columns="model_version", values="loss")
        expected = (pairs.v2 - pairs.v1).mean()
        both = rows[rows.request_id.isin(pairs.dropna().index)]
        means = [
            log_loss(side.label, side.probability, labels=["0", "1"])
            for _, side in both.groupby("model_version")
        ]
        assert expected == pytest.approx(means[1] - means[0], rel=1e-9)
    else:
        cells = rows.groupby(["metric_date", "origin", "model_version"]).loss
        cells = cells.agg(["mean", "count"]).unstack().dropna()
        counts = cells["count"]
        weights = counts.v1 * counts.v2 / (counts.v1 + counts.v2)
        expected = np.average(cells["mean"].v2 - cells["mean"].v1, weights=weights)
    assert last.difference == pytest.approx(expected, rel=1e-9)
    assert expected < -0.04
