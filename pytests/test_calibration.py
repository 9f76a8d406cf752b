"""Calibration and distribution, beside scikit-learn, SciPy and pandas, row by row."""

from __future__ import annotations

import itertools
from datetime import date, datetime, time

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats
from scipy.special import expit
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, d2_log_loss_score

from harness import LABEL_COLUMNS, MARTS, PREDICTION_COLUMNS, UserProject
from oracle_diagnosis import calibration, days, equal_mass_bins, platt, reliability

FIRST = date(2024, 3, 1)
DAYS = 31
CLASSES = ["low", "middle", "high"]
VARIABLES = {
    "log_loss_cohorts": ["region"],
    "log_loss_models": [
        {
            "name": "grade",
            "classes": [{"label": name, "column": f"p_{name}"} for name in CLASSES],
        }
    ],
}


def binary(random: np.random.Generator, version: str, rows: int, slope: float):
    """Scores that are right once their log odds are multiplied by `slope`."""
    score = random.beta(1.2, 3, rows * DAYS)
    score[:5] = [0.0, 1.0, 0.5, 0.3, 1e-12]
    label = (random.random(rows * DAYS) < expit(slope * special.logit(score))).astype(int)
    label[0] = 1  # held impossible
    return pd.DataFrame(
        {
            "model_name": "fraud",
            "model_version": version,
            "day": np.arange(rows * DAYS) % DAYS,
            "score": score,
            "event": label,
            "label": label.astype(str),
            "p": list(zip(1 - score, score, strict=True)),
            "position": label,
        }
    )


# slope and intercept of the log odds that are right, of scores from 1e-7 to 1 - 1e-7
FAR_OFF = {
    "far_off": (0.12, -2.0),
    "next_to_nothing": (0.02, 3.0),
    "timid": (4.0, 2.0),
    # from the scores as they are, Newton's first steps lead too far
    "pushed": (0.3, -0.4),
}


def far_off(random: np.random.Generator, version: str, rows: int) -> pd.DataFrame:
    """Scores whose best recalibration is far from leaving them as they are."""
    slope, intercept = FAR_OFF[version]
    frame = binary(random, version, rows, 1.0)
    mean, spread = {"timid": (-0.5, 0.5), "pushed": (3.2, 18)}.get(version, (1, 6))
    logit = np.clip(random.normal(mean, spread, len(frame)), -16, 16)
    frame["score"] = expit(logit)
    truth = expit(slope * logit + intercept)
    return with_labels(frame, random.random(len(frame)) < truth)


def certain(random: np.random.Generator, rows: int) -> pd.DataFrame:
    """Scores of 0 and 1, each as often right as not."""
    frame = binary(random, "certain", rows, 1.0)
    frame["score"] = random.integers(0, 2, len(frame)).astype(float)
    return with_labels(frame, random.random(len(frame)) < 0.5)


def with_labels(frame: pd.DataFrame, is_event: np.ndarray) -> pd.DataFrame:
    label = np.asarray(is_event).astype(int)
    return frame.assign(
        event=label,
        label=label.astype(str),
        p=list(zip(1 - frame["score"], frame["score"], strict=True)),
        position=label,
    )


def on_weekdays(frame: pd.DataFrame) -> pd.DataFrame:
    """Labels of some days alone; the others have predictions, and end windows."""
    return frame.assign(is_labeled=frame["day"] % 7 < 4)


def multiclass(random: np.random.Generator, rows: int) -> pd.DataFrame:
    p = random.dirichlet([1, 2, 1], rows * DAYS)
    position = (p.cumsum(axis=1) > random.random((len(p), 1))).argmax(axis=1)
    return pd.DataFrame(
        {
            "model_name": "grade",
            "model_version": "v1",
            "day": np.arange(len(p)) % DAYS,
            "score": p.max(axis=1),
            "event": (p.argmax(axis=1) == position).astype(int),
            "label": np.array(CLASSES)[position],
            "p": [tuple(row) for row in p],
            "position": position,
        }
    )


def whole_frame() -> pd.DataFrame:
    random = np.random.default_rng(11)
    frame = pd.concat(
        [
            binary(random, "right", 120, 1.0),
            binary(random, "overconfident", 120, 0.5),
            binary(random, "few", 2, 1.0),
            *(far_off(random, version, 120) for version in FAR_OFF),
            certain(random, 60),
            on_weekdays(binary(random, "weekdays", 60, 1.0)),
            multiclass(random, 90),
        ],
        ignore_index=True,
    )
    frame["region"] = random.choice(["north", "south"], len(frame))
    frame["is_labeled"] = frame["is_labeled"].isin([True, np.nan])
    frame["date"] = [FIRST + days(int(day)) for day in frame["day"]]
    chance = [
        np.clip(row.p[row.position], 1e-15, 1 - 1e-15) for row in frame.itertuples()
    ]
    frame["loss"] = -np.log(chance)
    event_chance = np.where(frame["event"] == 1, frame["score"], 1 - frame["score"])
    frame["event_loss"] = -np.log(np.clip(event_chance, 1e-15, 1 - 1e-15))
    frame["entropy"] = [special.entr(p).sum() for p in frame["p"]]
    second = [sum(special.xlogy(q, q) * np.log(q) for q in p if q > 0) for p in frame["p"]]
    frame["entropy_variance"] = np.maximum(second - frame["entropy"] ** 2, 0)
    binary_brier = (frame["score"] - frame["event"]) ** 2
    multi_brier = [
        sum((q - (k == row.position)) ** 2 for k, q in enumerate(row.p))
        for row in frame.itertuples()
    ]
    frame["brier"] = np.where(frame["model_name"] == "fraud", binary_brier, multi_brier)
    return frame


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return whole_frame()


@pytest.fixture(scope="module")
def project(
    frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> UserProject:
    directory = tmp_path_factory.mktemp("calibration")
    project = UserProject(
        directory / "warehouse.duckdb", directory / "target", dict(VARIABLES)
    )
    predictions, labels = [], []
    for number, row in enumerate(frame.itertuples()):
        moment = datetime.combine(row.date, time(9))
        is_binary = row.model_name == "fraud"
        predictions.append(
            {
                "request_id": f"r{number}",
                "model_name": row.model_name,
                "model_version": row.model_version,
                "predicted_at": moment,
                "probability": row.score if is_binary else None,
                **{
                    f"p_{name}": None if is_binary else row.p[k]
                    for k, name in enumerate(CLASSES)
                },
                "region": row.region,
            }
        )
        if not row.is_labeled:
            continue
        labels.append(
            {
                "request_id": f"r{number}",
                "model_name": row.model_name,
                "label": row.label,
                "labeled_at": moment,
            }
        )
    doubles = {f"p_{name}": "double" for name in CLASSES}
    project.load_rows(
        "predictions", predictions, {**PREDICTION_COLUMNS, **doubles, "region": "varchar"}
    )
    project.load_rows("labels", labels, LABEL_COLUMNS)
    project.run("--select", "+tag:log_loss_diagnosis", *MARTS)
    return project


def window(
    frame: pd.DataFrame, end: date, length: int, model: str, version: str, region: str
) -> pd.DataFrame:
    rows = frame[(frame["model_name"] == model) & (frame["model_version"] == version)]
    rows = rows[(rows["date"] <= end) & (rows["date"] > end - days(length))]
    return rows if region == "all" else rows[rows["region"] == region]


def windows_of(project: UserProject, frame: pd.DataFrame, mart: str):
    """Each window of the mart with its rows, for some of the days."""
    for end in (FIRST, FIRST + days(3), FIRST + days(6), FIRST + days(30)):
        rows = project.rows(
            f"select * from main.{mart} where metric_date = date '{end}'"
        )
        for row in rows:
            yield row, window(
                frame, end, row["window_days"], row["model_name"],
                row["model_version"], row["cohort_value"],
            )  # fmt: skip


def test_cohorts_have_rows_where_calibration_can_be_tested(
    project: UserProject, frame: pd.DataFrame
) -> None:
    """In both marts; the whole of a version has one wherever it has a label."""
    end = FIRST + days(30)
    versions = frame[["model_name", "model_version"]].drop_duplicates()
    expected = set()
    for version, length, region in itertools.product(
        versions.itertuples(index=False), (1, 7, 28), ("all", "north", "south")
    ):
        rows = window(frame, end, length, *version, region)
        rows = rows[rows["is_labeled"]]
        variance = (rows["score"] * (1 - rows["score"])).sum()
        squares = ((rows["score"] - rows["event"]) ** 2).sum()
        if len(rows) and (region == "all" or max(variance, squares) >= 25):
            expected.add((version.model_version, version.model_name, length, region))
    for mart in ("log_loss_calibration", "log_loss_calibration_bins"):
        found = project.rows(
            "select distinct model_version, model_name, window_days, cohort_value "
            f"from main.{mart} where metric_date = date '{end}'"
        )
        assert {tuple(row.values()) for row in found} == expected
    assert ("right", "fraud", 7, "north") in expected
    assert ("few", "fraud", 28, "north") not in expected


def test_a_window_ends_on_every_day_with_predictions(project: UserProject) -> None:
    """Also where that day has no label; of a single day there is nothing then."""
    found = project.query(
        "select window_days, count(*) as n from main.log_loss_calibration "
        "where model_version = 'weekdays' and cohort_name = 'all' group by window_days"
    ).set_index("window_days")["n"]
    labeled_days = sum(day % 7 < 4 for day in range(DAYS))
    assert found.to_dict() == {1: labeled_days, 7: DAYS, 28: DAYS}


def test_every_number_of_the_calibration_is_what_it_says(
    project: UserProject, frame: pd.DataFrame
) -> None:
    compared = untested = 0
    for row, rows in windows_of(project, frame, "log_loss_calibration"):
        assert row["prediction_count"] == len(rows)
        age = (FIRST + days(DAYS - 1) - row["metric_date"]).days
        assert row["is_mature"] == (age >= 14)
        asked, rows = len(rows), rows[rows["is_labeled"]]
        assert row["label_coverage"] == pytest.approx(len(rows) / asked, rel=1e-12)
        expected = calibration(rows)
        if row["cohort_name"] == "all":
            expected |= reliability(
                rows["score"].to_numpy(),
                rows["event"].to_numpy(),
                equal_mass_bins(rows["score"].to_numpy()),
                "ece_equal_mass",
            )
        else:
            assert row["calibration_z"] is not None
        for name, value in expected.items():
            where = (row["metric_date"], row["window_days"], row["model_version"], name)
            if value is None:
                assert row[name] is None, where
                untested += 1
            else:
                assert row[name] == pytest.approx(value, rel=1e-9, abs=1e-12), where
        # the decomposition is one only if it adds up
        assert row["mean_event_log_loss"] == pytest.approx(
            row["uncertainty"] - row["resolution"] + row["reliability"] + row["residual"],
            rel=1e-12,
        )
        compared += 1
    assert compared > 40
    assert untested > 0


def test_reliability_diagrams_are_scikit_learns(
    project: UserProject, frame: pd.DataFrame
) -> None:
    compared = 0
    rows = project.rows("select * from main.log_loss_calibration_bins order by bin")
    end = FIRST + days(30)
    for version in ("right", "overconfident"):
        ours = [
            row
            for row in rows
            if row["metric_date"] == end
            and row["window_days"] == 28
            and row["model_version"] == version
            and row["cohort_name"] == "all"
            and row["binning"] == "uniform"
        ]
        theirs = window(frame, end, 28, "fraud", version, "all")
        shares, scores = calibration_curve(theirs["event"], theirs["score"], n_bins=10)
        assert [row["mean_score"] for row in ours] == pytest.approx(scores, rel=1e-9)
        assert [row["event_share"] for row in ours] == pytest.approx(shares, rel=1e-9)
        for row in ours:
            events = round(row["event_share"] * row["labeled_count"])
            interval = stats.binomtest(events, row["labeled_count"]).proportion_ci(
                method="wilson"
            )
            assert row["event_share_ci_lower"] == pytest.approx(interval.low, rel=1e-9)
            assert row["event_share_ci_upper"] == pytest.approx(interval.high, rel=1e-9)
            compared += 1
    assert compared == 20


def test_equal_mass_bins_hold_about_a_tenth_each(project: UserProject) -> None:
    shares = project.query(
        """
        select bin, labeled_count / sum(labeled_count) over () as share
        from main.log_loss_calibration_bins
        where binning = 'equal_mass' and model_version = 'right' and window_days = 28
            and metric_date = date '2024-03-31'
        """
    )
    assert sorted(shares["bin"]) == list(range(1, 11))
    assert shares["share"].between(0.08, 0.12).all()


@pytest.mark.parametrize("version", ["right", "overconfident", *FAR_OFF])
def test_recalibration_is_the_best_logistic_fit(
    project: UserProject, frame: pd.DataFrame, version: str
) -> None:
    """Made from bins, it finds the fit that the rows themselves give, and its gain.

    Where scores are far off, bins are wide in log odds, and so is what they leave out.
    """
    [row] = project.rows(
        "select * from main.log_loss_calibration where window_days = 28 and "
        f"cohort_name = 'all' and metric_date = date '{FIRST + days(30)}' "
        f"and model_version = '{version}'"
    )
    rows = window(frame, FIRST + days(30), 28, "fraud", version, "all")
    intercept, slope, gain = platt(rows["score"].to_numpy(), rows["event"].to_numpy())
    near = {"abs": 2e-3} if version in ("right", "overconfident") else {"rel": 0.02}
    assert row["recalibration_intercept"] == pytest.approx(intercept, **near)
    assert row["recalibration_slope"] == pytest.approx(slope, **near)
    assert row["recalibration_gain"] == pytest.approx(gain, rel=0.01, abs=1e-5)
    assert row["recalibration_gain_if_calibrated"] == pytest.approx(1 / len(rows))
    logit = special.logit(np.clip(rows["score"], 1e-15, 1 - 1e-15))
    theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(
        logit.to_numpy().reshape(-1, 1), rows["event"]
    )
    assert row["recalibration_slope"] == pytest.approx(theirs.coef_[0][0], **near)
    if version == "overconfident":
        assert slope < 0.7
        assert row["calibration_z"] > 5


def test_no_recalibration_where_outcomes_are_told_apart(project: UserProject) -> None:
    """A day of two rows is often separable: no slope at all, and never an endless one."""
    rows = project.rows(
        "select recalibration_slope as slope, event_share from main.log_loss_calibration "
        "where model_version = 'few' and window_days = 1 and cohort_name = 'all'"
    )
    assert rows
    assert all(row["slope"] is None or abs(row["slope"]) < 1e3 for row in rows)
    assert any(row["slope"] is None for row in rows)
    for row in rows:
        if row["event_share"] in (0, 1):
            assert row["slope"] is None


def test_brier_and_skill_are_scikit_learns(
    project: UserProject, frame: pd.DataFrame
) -> None:
    rows = frame[(frame["model_version"] == "right") & (frame["date"] == FIRST)]
    [row] = project.rows(
        "select * from main.log_loss_daily "
        f"where metric_date = date '{FIRST}' and model_version = 'right'"
    )
    assert row["mean_brier"] == pytest.approx(
        brier_score_loss(rows["event"], rows["score"]), rel=1e-12
    )
    clipped = np.clip(rows["score"], 1e-15, 1 - 1e-15)
    skill = d2_log_loss_score(rows["event"], np.column_stack([1 - clipped, clipped]))
    assert 1 - row["normalized_entropy"] == pytest.approx(skill, rel=1e-9)


def test_percentiles_of_any_days_come_from_the_distribution(
    project: UserProject, frame: pd.DataFrame
) -> None:
    """Over a fortnight and all classes, not only over the days that have a column."""
    rows = frame[
        (frame["model_version"] == "overconfident") & (frame["date"] < FIRST + days(14))
    ]
    bins = project.query(
        "select log_loss, sum(labeled_count) as n from main.log_loss_distribution "
        "where model_version = 'overconfident' "
        f"and metric_date < date '{FIRST + days(14)}' group by loss_bin, log_loss "
        "order by loss_bin"
    )
    assert bins["n"].sum() == len(rows)
    for quantile in (0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 1.0):
        exact = np.quantile(rows["loss"], quantile, method="inverted_cdf")
        first = bins[bins["n"].cumsum() >= quantile * len(rows)].iloc[0]
        assert first["log_loss"] == pytest.approx(exact, rel=0.02)


def test_the_confusion_matrix_counts_what_was_predicted(
    project: UserProject, frame: pd.DataFrame
) -> None:
    found = project.rows(
        "select model_version, label, predicted_label, "
        "cast(sum(labeled_count) as bigint) as n, sum(loss_sum) as loss "
        "from main.log_loss_confusion_matrix group by all"
    )
    frame = frame[frame["is_labeled"]]
    binary_rows = frame["model_name"] == "fraud"
    predicted = np.where(
        binary_rows,
        np.where(frame["score"] >= 0.5, "1", "0"),
        np.array(CLASSES)[[int(np.argmax(p)) if len(p) == 3 else 0 for p in frame["p"]]],
    )
    keys = [frame["model_version"], frame["label"], predicted]
    expected = frame.groupby(keys)["loss"].agg(["size", "sum"])
    have = {(r["model_version"], r["label"], r["predicted_label"]): r for r in found}
    assert set(have) == set(expected.index)
    for key, row in expected.iterrows():
        assert have[key]["n"] == row["size"]
        assert have[key]["loss"] == pytest.approx(row["sum"], rel=1e-9)
