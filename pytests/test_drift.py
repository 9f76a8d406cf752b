"""Drift of scores and features, hours, and what training said, beside pandas and SciPy."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from harness import (
    LABEL_COLUMNS,
    MARTS,
    PREDICTION_COLUMNS,
    UserProject,
    copy_database,
)
from oracle_diagnosis import SCORE_EDGES, days

FIRST = date(2024, 1, 1)
DAYS = 80
SHIFT = 60
# of a fifth of the rows of every day
LATE_DAYS = 5
FEATURES = [
    {"column": "amount", "type": "numeric"},
    {"column": "year", "type": "numeric", "bin_width": 1},
    {"column": "country", "type": "categorical"},
    {"column": "flag", "type": "numeric"},
]
VARIABLES = {"log_loss_features": FEATURES, "log_loss_baseline_days": 28}
COUNTRIES = [f"c{number:02d}" for number in range(30)]


def rows() -> pd.DataFrame:
    """Amounts double, a country takes over, and the loss rises, from the 60th day on."""
    random = np.random.default_rng(8)
    size = 60 * DAYS
    day = np.arange(size) % DAYS
    is_late = day >= SHIFT
    score = random.beta(2, 4, size)
    amount = random.lognormal(3, 1, size) * np.where(is_late, 2, 1)
    amount[random.random(size) < 0.02] = np.nan
    amount[:3] = [-5.0, 0.0, 1e-200]
    weights = np.geomspace(1, 0.01, len(COUNTRIES))
    country = random.choice(COUNTRIES, size, p=weights / weights.sum())
    country = np.where(is_late & (random.random(size) < 0.5), "c29", country)
    truth = np.where(is_late, 1 - score, score)
    return pd.DataFrame(
        {
            "day": day,
            # on the last day nobody asks before noon, and most do in one hour
            "hour": np.where(
                day == DAYS - 1,
                np.where(random.random(size) < 0.9, 15, random.integers(12, 24, size)),
                random.integers(0, 24, size),
            ),
            "score": score,
            "label": (random.random(size) < truth).astype(int),
            "known": np.minimum(
                day + np.where(random.random(size) < 0.2, LATE_DAYS, 0), DAYS - 1
            ),
            "amount": amount,
            "year": 2000 + random.integers(0, 30, size),
            "country": country,
            # one value in all of the reference, and another from the shift on
            "flag": np.where(is_late & (random.random(size) < 0.9), 1.0, 0.0),
        }
    )


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return rows()


@pytest.fixture(scope="module")
def project(
    frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> UserProject:
    directory = tmp_path_factory.mktemp("drift")
    project = UserProject(
        directory / "warehouse.duckdb", directory / "target", dict(VARIABLES)
    )
    predictions, labels = [], []
    for number, row in enumerate(frame.itertuples()):
        moment = datetime.combine(FIRST + days(row.day), time(row.hour))
        version = "v1" if row.day < 70 else "v2"
        predictions.append(
            {
                "request_id": f"r{number}",
                "model_name": "m",
                "model_version": version,
                "predicted_at": moment,
                "loaded_at": moment + timedelta(days=row.known - row.day),
                "probability": row.score,
                "amount": None if np.isnan(row.amount) else row.amount,
                "year": row.year,
                "country": row.country,
                "flag": row.flag,
            }
        )
        if number % 3:
            labels.append(
                {
                    "request_id": f"r{number}",
                    "model_name": "m",
                    "label": str(row.label),
                    "labeled_at": moment + timedelta(minutes=5),
                }
            )
    project.load_rows(
        "predictions",
        predictions,
        {
            **PREDICTION_COLUMNS,
            "loaded_at": "timestamp",
            "amount": "double",
            "year": "integer",
            "country": "varchar",
            "flag": "double",
        },
    )
    project.load_rows("labels", labels, LABEL_COLUMNS)
    project.run("--select", "+tag:log_loss_diagnosis", *MARTS)
    return project


def feature_bin(value: float, width: float | None) -> int:
    if np.isnan(value):
        return 2_000_000_000
    if width is not None:
        return int(np.floor(value / width))
    if abs(value) < 1e-100:
        return 0
    bin_ = int(np.ceil(np.log(abs(value)) / np.log(1.02 / 0.98)))
    return 20_000 + bin_ if value > 0 else -20_000 - bin_


def cells(reference: pd.Series, now: pd.Series, kind: str, width: float | None):
    """Counts of both sides in the cells that the reference cuts."""
    if kind == "categorical":
        counts = reference.value_counts()
        order = sorted(counts.index, key=lambda value: (-counts[value], value))
        kept = order[:20]

        def cell(value: str) -> str:
            return value if value in kept else "(other)"

        return reference.map(cell).value_counts(), now.map(cell).value_counts()
    if kind == "score":
        binned = [pd.Series(np.digitize(s, SCORE_EDGES, right=True)) for s in (reference, now)]
    else:
        binned = [s.map(lambda value: feature_bin(value, width)) for s in (reference, now)]
    numbers = binned[0][binned[0] < 2_000_000_000]
    values, counts = np.unique(numbers, return_counts=True)
    group = np.floor(10 * (np.cumsum(counts) - counts / 2) / counts.sum()).astype(int)
    last = pd.Series(values).groupby(group).max()

    def cell(bin_: int) -> object:
        if bin_ == 2_000_000_000:
            return "missing"
        if not values[0] <= bin_ <= values[-1]:
            return "outside"
        return last.index[int(np.searchsorted(last.to_numpy(), bin_))]

    return tuple(s.map(cell).value_counts() for s in binned)


def shares(reference: pd.Series, now: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    names = sorted({*reference.index, *now.index}, key=str)
    sides = []
    for counts in (reference, now):
        counts = counts.reindex(names).fillna(0).to_numpy() + 0.5
        sides.append(counts / counts.sum())
    return sides[0], sides[1]


def windows(row: dict, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    start, end = row["reference_start_date"], row["reference_end_date"]
    day = (row["metric_date"] - FIRST).days
    reference = frame[
        frame["day"].between((start - FIRST).days, (end - FIRST).days)
    ]
    now = frame[frame["day"].between(day - row["window_days"] + 1, day)]
    if row["model_version"] == "v2":
        now = now[now["day"] >= 70]
    else:
        now = now[now["day"] < 70]
    return reference, now


def check(row: dict, frame: pd.DataFrame, column: str, kind: str, width=None) -> None:
    reference, now = windows(row, frame)
    pair = cells(reference[column], now[column], kind, width)
    p, q = shares(*pair)
    assert row["reference_count"] == len(reference)
    assert row["prediction_count"] == len(now)
    assert row["cell_count"] == len(p)
    assert row["psi"] == pytest.approx(
        np.sum((q - p) * np.log(q / p)), rel=1e-9, abs=1e-15
    )
    assert row["jensen_shannon_distance"] == pytest.approx(
        jensenshannon(p, q, base=2), rel=1e-9, abs=1e-9
    )
    assert row["psi_if_unchanged"] == pytest.approx(
        (len(p) - 1) * (1 / len(reference) + 1 / len(now)), rel=1e-9
    )


def test_score_drift_is_what_it_says(project: UserProject, frame: pd.DataFrame) -> None:
    found = project.rows(
        "select * from main.log_loss_score_drift order by metric_date, window_days"
    )
    assert len(found) > 80
    for row in found[::7]:
        check(row, frame, "score", "score")


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature["column"])
def test_feature_drift_is_what_it_says(
    project: UserProject, frame: pd.DataFrame, feature: dict
) -> None:
    found = project.rows(
        "select * from main.log_loss_feature_drift "
        f"where feature = '{feature['column']}' order by metric_date, window_days"
    )
    assert len(found) > 80
    for row in found[::7] + found[-3:]:
        assert row["feature_type"] == feature["type"]
        check(row, frame, feature["column"], feature["type"], feature.get("bin_width"))
        reference, now = windows(row, frame)
        for side, name in ((reference, "reference_missing_share"), (now, "missing_share")):
            missing = side[feature["column"]].isna().mean()
            assert row[name] == pytest.approx(missing, abs=1e-12)


def test_every_date_knows_the_rows_that_had_come_by_then(
    project: UserProject, frame: pd.DataFrame
) -> None:
    found = project.rows(
        "select * from main.int_log_loss__drifts as drifts"
        " inner join main.int_log_loss__drift_windows as windows"
        " using (model_name, model_version, metric_date, window_days, as_of_date)"
        " order by as_of_date, metric_date, window_days, model_version, feature"
    )
    # from 14 days and the week after them on
    assert len({row["as_of_date"] for row in found}) == DAYS - 20
    is_partial = 0
    for row in found[::11]:
        known = frame[frame["known"] <= (row["as_of_date"] - FIRST).days]
        feature = row["feature"]
        if feature == "(score)":
            check(row, known, "score", "score")
        else:
            declared = next(f for f in FEATURES if f["column"] == feature)
            check(row, known, feature, declared["type"], declared.get("bin_width"))
        is_partial += len(windows(row, known)[1]) < len(windows(row, frame)[1])
    assert is_partial > 10


def test_the_reference_is_the_first_days_or_the_version_before(
    project: UserProject,
) -> None:
    found = project.rows(
        "select * from main.log_loss_score_drift where window_days = 1 order by metric_date"
    )
    own = [row for row in found if row["model_version"] == "v1"]
    # half of 28 days are enough, and then as many as there are, up to 28
    assert own[0]["metric_date"] == FIRST + days(14)
    assert own[0]["reference_end_date"] == FIRST + days(13)
    assert own[-1]["reference_end_date"] == FIRST + days(27)
    lent = [row for row in found if row["model_version"] == "v2"]
    assert lent[0]["metric_date"] == FIRST + days(70)
    assert {row["reference_version"] for row in lent} == {"v1"}
    assert {row["reference_start_date"] for row in lent} == {FIRST + days(42)}
    assert {row["reference_end_date"] for row in lent} == {FIRST + days(69)}


def reference_days(baseline: object, first_evaluated: int) -> range | None:
    """Those of v1, which was asked on each of its 70 days."""
    if baseline == "trailing":
        last = first_evaluated - 14
        return range(max(last - 28, 0), last) if last >= 14 else None
    last = min(25, first_evaluated)
    return range(5, last) if last - 5 >= 7 else None


@pytest.mark.parametrize(
    "baseline",
    [
        "trailing",
        {
            "start_date": (FIRST + days(5)).isoformat(),
            "end_date": (FIRST + days(24)).isoformat(),
        },
    ],
    ids=["trailing", "fixed"],
)
def test_the_reference_is_what_the_baseline_says(
    project: UserProject, frame: pd.DataFrame, tmp_path: Path, baseline: object
) -> None:
    copy = replace(
        project,
        path=tmp_path / project.path.name,
        target_path=tmp_path / "target",
        variables={**VARIABLES, "log_loss_baseline": baseline},
    )
    copy_database(project.path, copy.path)
    models = [f"int_log_loss__{name}" for name in ("drift_windows", "drift_cells", "drifts")]
    copy.run("--select", *models, "log_loss_score_drift")
    found = {
        (row["metric_date"], row["window_days"]): row
        for row in copy.rows(
            "select * from main.log_loss_score_drift where model_version = 'v1'"
        )
    }
    expected = {}
    for day in range(70):
        for length in (1, 7):
            used = reference_days(baseline, day - length + 1)
            if used:
                expected[FIRST + days(day), length] = used
    assert found.keys() == expected.keys()
    for key, used in expected.items():
        assert found[key]["reference_start_date"] == FIRST + days(used[0])
        assert found[key]["reference_end_date"] == FIRST + days(used[-1])
    for row in list(found.values())[::9]:
        check(row, frame, "score", "score")


def test_what_shifted_is_found_and_ranked_by_the_loss(
    project: UserProject, frame: pd.DataFrame
) -> None:
    found = project.rows(
        "select * from main.log_loss_feature_drift where window_days = 7 "
        f"and metric_date = date '{FIRST + days(69)}' order by drift_rank"
    )
    assert [row["drift_rank"] for row in found] == [1, 2, 3, 4]
    by = {row["feature"]: row for row in found}
    # all of the reference in one cell, and nine of ten of the last days outside of it
    assert by["flag"]["cell_count"] == 2
    assert by["flag"]["psi"] > 5
    assert by["country"]["psi"] > 0.25
    assert by["amount"]["psi"] > 0.25
    assert by["year"]["psi"] < 3 * by["year"]["psi_if_unchanged"]
    assert found[0]["feature"] == "flag"
    assert found[-1]["feature"] == "year"


def test_drift_is_correlated_with_the_rise_over_the_reference(
    project: UserProject, frame: pd.DataFrame
) -> None:
    """28 mature days, also on later dates whose labels are still to come."""
    labeled = frame[frame.index % 3 > 0]
    chance = np.where(labeled["label"] == 1, labeled["score"], 1 - labeled["score"])
    losses = pd.Series(-np.log(chance), index=labeled["day"])
    reference = losses[losses.index < 28].mean()
    daily = losses.groupby(level=0).mean()
    mature = project.query(
        "select metric_date from main.log_loss_daily where is_mature and model_version = 'v1'"
    )["metric_date"]
    mature = [(day.date() - FIRST).days for day in mature]
    single = project.query(
        "select *, psi - psi_if_unchanged as drift from main.log_loss_feature_drift "
        "where model_version = 'v1' and window_days = 1"
    )
    single["day"] = [(day.date() - FIRST).days for day in single["metric_date"]]
    checked = 0
    for (_, now), row in single.groupby(["feature", "day"]):
        known = single[single["feature"] == row["feature"].iloc[0]]
        known = known[(known["day"] <= now) & known["day"].isin(mature)]
        known = known.sort_values("day")[-28:]
        if now < 41 or len(known) < 14:
            continue
        # from the 41st day on all that are correlated have the whole reference
        known = known[known["day"] >= 28]
        if len(known) < 14:
            continue
        with_reference = [
            np.concatenate([values, np.zeros(len(known))])
            for values in (known["drift"], daily[known["day"]] - reference)
        ]
        found = row["loss_correlation"].iloc[0]
        if not with_reference[0].any():
            assert pd.isna(found)
            continue
        expected = np.corrcoef(*with_reference)[0, 1]
        if known["day"].min() > 28:
            assert found == pytest.approx(expected, rel=1e-9)
            checked += 1
    assert checked > 30


def test_cells_say_what_has_moved(project: UserProject, frame: pd.DataFrame) -> None:
    found = project.query(
        "select * from main.log_loss_drift_cells where window_days = 7 "
        f"and metric_date = date '{FIRST + days(69)}'"
    )
    sums = project.query(
        "select '(score)' as feature, psi from main.log_loss_score_drift "
        f"where window_days = 7 and metric_date = date '{FIRST + days(69)}' union all "
        "select feature, psi from main.log_loss_feature_drift "
        f"where window_days = 7 and metric_date = date '{FIRST + days(69)}'"
    ).set_index("feature")["psi"]
    now = frame[frame["day"].between(63, 69)]
    reference = frame[frame["day"] < 28]
    for feature, cells_ in found.groupby("feature"):
        assert cells_["psi_contribution"].sum() == pytest.approx(sums[feature], rel=1e-9)
        assert cells_["prediction_count"].sum() == len(now)
        assert cells_["reference_count"].sum() == len(reference)
        assert cells_["prediction_share"].sum() == pytest.approx(1, rel=1e-12)
        column = "score" if feature == "(score)" else feature
        for cell in cells_.itertuples():
            for side, count in ((now, cell.prediction_count), (reference, cell.reference_count)):
                values = side[column]
                if cell.cell_kind == "range" and feature == "year":
                    # whole multiples of a width belong to the bin above
                    inside = values.between(cell.lower_bound, cell.upper_bound, "left")
                elif cell.cell_kind == "range" and cell.lower_bound == cell.upper_bound:
                    inside = values == cell.lower_bound
                elif cell.cell_kind == "range":
                    inside = values.between(cell.lower_bound, cell.upper_bound, "right")
                elif cell.cell_kind == "missing":
                    inside = values.isna()
                elif cell.cell_kind == "value":
                    inside = values == cell.cell_value
                else:
                    continue
                assert count == inside.sum(), (feature, cell)
    kinds = found.groupby("feature")["cell_kind"].agg(set)
    assert kinds["flag"] == {"range", "outside"}
    assert kinds["country"] == {"value", "other"}
    assert kinds["amount"] >= {"range", "missing"}
    # c29 was the rarest of thirty
    moved = found.sort_values("psi_contribution", ascending=False)
    assert moved[moved["feature"] == "country"].iloc[0]["cell_kind"] == "other"


def test_hours_of_the_last_days(project: UserProject, frame: pd.DataFrame) -> None:
    found = project.rows(
        "select * from main.log_loss_hourly order by metric_date, hour_of_day"
    )
    recent = frame[frame["day"] >= DAYS - 3]
    moments = recent["day"] * 24 + recent["hour"]
    have = [
        (row["metric_date"] - FIRST).days * 24 + row["hour_of_day"] for row in found
    ]
    # those without a request too
    assert have == list(range(moments.min(), moments.max() + 1))
    expected = recent.groupby(["day", "hour"])
    empty = bounded = 0
    for row in found:
        key = ((row["metric_date"] - FIRST).days, row["hour_of_day"])
        if key not in expected.groups:
            assert row["prediction_count"] == row["labeled_count"] == 0
            assert row["mean_score"] is row["mean_log_loss"] is row["label_coverage"] is None
            empty += 1
            continue
        group = expected.get_group(key)
        labeled = group[group.index % 3 > 0]
        assert row["prediction_count"] == len(group)
        assert row["labeled_count"] == len(labeled)
        assert row["mean_score"] == pytest.approx(group["score"].mean(), rel=1e-9)
        entropy = -(group["score"] * np.log(group["score"])) - (
            (1 - group["score"]) * np.log1p(-group["score"])
        )
        assert row["expected_log_loss"] == pytest.approx(entropy.mean(), rel=1e-9)
        if not len(labeled):
            assert row["mean_log_loss"] is None
            continue
        chance = np.where(labeled["label"] == 1, labeled["score"], 1 - labeled["score"])
        losses = -np.log(chance)
        assert row["mean_log_loss"] == pytest.approx(losses.mean(), rel=1e-9)
        if len(losses) < 30 or min(labeled["label"].sum(), (1 - labeled["label"]).sum()) < 10:
            assert row["log_loss_ci_lower"] is None
            continue
        bounded += 1
        error = losses.std(ddof=1) / np.sqrt(len(losses)) / losses.mean()
        assert row["log_loss_ci_upper"] == pytest.approx(
            losses.mean() * np.exp(stats.norm.isf(0.025) * error), rel=1e-9
        )
    assert empty > 0 and bounded > 0


def test_the_worst_rows_of_each_day(project: UserProject, frame: pd.DataFrame) -> None:
    found = project.query("select * from main.log_loss_worst_predictions")
    chance = np.where(frame["label"] == 1, frame["score"], 1 - frame["score"])
    loss = pd.Series(-np.log(chance), index=frame.index)[frame.index % 3 > 0]
    for day, losses in loss.groupby(frame["day"]):
        rows_of_day = found[found["metric_date"] == pd.Timestamp(FIRST + days(int(day)))]
        worst = losses.sort_values(ascending=False)[:20]
        assert list(rows_of_day.sort_values("loss_rank")["loss_rank"]) == list(range(1, 21))
        assert rows_of_day.sort_values("loss_rank")["loss"].to_numpy() == pytest.approx(
            worst.to_numpy(), rel=1e-9
        )


def test_training_beside_production(project: UserProject) -> None:
    """Without metrics of training there is production alone."""
    found = {
        row["model_version"]: row
        for row in project.rows("select * from main.log_loss_training_gap")
    }
    assert set(found) == {"v1", "v2"}
    assert found["v1"]["training_log_loss"] is None
    assert found["v1"]["deployed_on"] == found["v1"]["first_prediction_date"] == FIRST
