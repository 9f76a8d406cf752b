"""Thresholds judge the right days by the right row, and data tests judge the verdicts.

One warehouse holds a model per situation, and one `dbt build` judges them all. Most
predictions are 0.5, whose loss is ln 2 whatever the label: value and interval are then
the same number, and every verdict can be read off the limits.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from dbt.cli.main import dbtRunnerResult
from sklearn import metrics

from harness import (
    LABEL_COLUMNS,
    PREDICTION_COLUMNS,
    UserProject,
    failing_rows,
    messages,
    outcomes_of,
    scratch_project,
)

PREDICTIONS = PREDICTION_COLUMNS | {"region": "varchar", "loaded_at": "timestamp"}
LABELS = LABEL_COLUMNS | {"loaded_at": "timestamp"}
THRESHOLDS = {
    "rule": "varchar",
    "model_name": "varchar",
    "cohort_name": "varchar",
    "cohort_value": "varchar",
    "label": "varchar",
    "warn_at": "double",
    "error_at": "double",
    "min_labeled_count": "bigint",
    "min_coverage": "double",
}
SUPPRESSIONS = {
    "model_name": "varchar",
    "starts_at": "timestamp",
    "ends_at": "timestamp",
    "reason": "varchar",
}

# The last load, hence the date from which ages count. With 14 days to maturity and 7
# to evaluate, a label-based rule looks at the last 7 days up to a model's last mature
# day, and not before LAST_LOAD - 20.
LAST_LOAD = date(2024, 4, 1)
LN2 = math.log(2)


def day(days_ago: int) -> date:
    return LAST_LOAD - timedelta(days=days_ago)


RECENT = range(6, 13)  # days ago: a full window, mature because labelled
AGED = range(14, 21)  # the window for what must be labelled by now


# ---------------------------------------------------------------------------------
# made data


class Data:
    """Predictions, labels and rules, while the situations add to them."""

    def __init__(self) -> None:
        self.predictions: list[dict] = []
        self.labels: list[dict] = []
        self.thresholds: list[dict] = []
        self.suppressions: list[dict] = []

    def predict(
        self,
        model: str,
        days_ago: Iterable[int],
        outcomes: Iterable[tuple[float, str | None]] = ((0.5, "0"), (0.5, "1")) * 5,
        *,
        delay: int = 1,
        region: str = "north",
        version: str = "1",
    ) -> None:
        """One prediction a day per (probability, label); None stays unlabelled."""
        for ago in days_ago:
            for number, (probability, label) in enumerate(outcomes):
                id_ = f"{model}-{version}-{region}-{ago}-{number}"
                self.request(
                    model, id_, day(ago), probability, region=region, version=version
                )
                if label is not None:
                    self.label(model, id_, label, day(ago - delay))

    def request(
        self,
        model: str,
        id_: str,
        predicted_at: date | None,
        probability: float,
        loaded_at: date | None = None,
        region: str = "north",
        version: str = "1",
    ) -> None:
        self.predictions.append(
            {
                "request_id": id_,
                "model_name": model,
                "model_version": version,
                "predicted_at": predicted_at,
                "probability": probability,
                "region": region,
                "loaded_at": loaded_at,
            }
        )

    def label(
        self,
        model: str,
        id_: str,
        label: str | None,
        labeled_at: date | None,
        loaded_at: date | None = None,
    ) -> None:
        self.labels.append(
            {
                "request_id": id_,
                "model_name": model,
                "label": label,
                "labeled_at": labeled_at,
                "loaded_at": loaded_at,
            }
        )

    def limit(
        self,
        rule: str,
        model: str,
        warn_at: float | None,
        error_at: float | None,
        *,
        cohort: tuple[str, str] = ("*", "*"),
        label: str = "*",
        min_labeled_count: int = 0,
        min_coverage: float = 0,
    ) -> None:
        self.thresholds.append(
            {
                "rule": rule,
                "model_name": model,
                "cohort_name": cohort[0],
                "cohort_value": cohort[1],
                "label": label,
                "warn_at": warn_at,
                "error_at": error_at,
                "min_labeled_count": min_labeled_count,
                "min_coverage": min_coverage,
            }
        )

    def suppress(self, model: str | None, starts_at: str, ends_at: str | None) -> None:
        self.suppressions.append(
            {
                "model_name": model,
                "starts_at": starts_at,
                "ends_at": ends_at,
                "reason": "known",
            }
        )

    def load(self, project: UserProject) -> None:
        for name, rows, columns in [
            ("predictions", self.predictions, PREDICTIONS),
            ("labels", self.labels, LABELS),
            ("thresholds", self.thresholds, THRESHOLDS),
            ("suppressions", self.suppressions, SUPPRESSIONS),
        ]:
            project.load(name, pd.DataFrame(rows, columns=list(columns)), columns)


# Losses with a wide interval: the mean is above 0.3, its lower bound is not.
UNCERTAIN = [(0.1, "0")] * 3 + [(0.9, "1")] * 2 + [(0.1, "1")]
# Five or six positives among 300 labels: too few for an interval of the mean
RARE_POSITIVES = {
    # each negative costs about 13.8
    "sure_and_wrong": [(0.999999, "0")] * 295 + [(0.999999, "1")] * 5,
    "wavering_and_wrong": [(0.999999, "0"), (0.9, "0")] * 147 + [(0.5, "1")] * 6,
    "rare_and_right": [(0.02, "0"), (0.2, "0")] * 147 + [(0.1, "1")] * 6,
}
# 0.9 for what happened, except that one in ten was held impossible
CLIPPED = [(0.1, "0")] * 5 + [(0.9, "1")] * 4 + [(0.0, "1")]


def situations() -> Data:
    """Every situation that a test below looks at, by the name of its model."""
    data = Data()

    # sets the clock: its last label arrives on LAST_LOAD
    data.predict("clock", [1])

    for model, warn_at, error_at in [
        ("calm", 0.8, 0.9),
        ("noisy", 0.6, 0.9),
        ("broken", 0.5, 0.6),
        ("only_warns", 0.5, None),
        ("only_errs", None, 0.5),
        ("frozen", 0.5, 0.6),
        ("sealed", 0.5, 0.6),
        ("freezing", 0.6, 0.9),
        ("thawed", 0.5, 0.6),
        ("not_yet_frozen", 0.5, 0.6),
    ]:
        data.predict(model, RECENT)
        data.limit("mean_log_loss", model, warn_at, error_at)
    # any overlap with the window counts, and only an overlap: it is days 6 to 12 ago
    data.suppress("frozen", "2024-01-01", None)
    data.suppress("freezing", f"{day(6)} 23:00", f"{day(6)} 23:30")
    data.suppress("sealed", "2024-01-01", "9999-12-31")
    data.suppress("thawed", "2024-01-01", f"{day(13)} 23:59")
    data.suppress("not_yet_frozen", f"{day(5)} 00:00", None)
    data.suppress("calm", "2024-01-01", None)

    for model, error_at in [
        ("within_clipping", clipped_share() + 1e-6),
        ("beyond_clipping", clipped_share() - 1e-6),
    ]:
        data.predict(model, RECENT, CLIPPED)
        data.limit("clipped_loss_share", model, None, error_at)

    data.predict("uncertain", RECENT, UNCERTAIN)
    data.limit("mean_log_loss", "uncertain", 0.3, 0.4)

    for model, outcomes in RARE_POSITIVES.items():
        data.predict(model, [6], outcomes)
        data.limit("mean_log_loss", model, None, 1.0)
    # judged by the common class, which also needs 30 labels
    for model, negatives in [("one_too_few", 29), ("just_enough", 30)]:
        data.predict(model, [6], [(0.999999, "0")] * negatives + [(0.5, "1")])
        data.limit("mean_log_loss", model, None, 1.0)

    # too few: for an interval, for the rule, of one class
    data.predict("tiny", RECENT, [(0.5, "0"), (0.5, "1")])
    data.limit("mean_log_loss", "tiny", 0.5, 0.6)
    data.predict("small", RECENT)
    data.limit("mean_log_loss", "small", 0.5, 0.6, min_labeled_count=71)
    data.predict("large_enough", RECENT)
    data.limit("mean_log_loss", "large_enough", 0.5, 0.6, min_labeled_count=70)
    data.predict("one_sided", RECENT, [(0.5, "0")] * 9 + [(0.5, None)])
    data.limit("mean_log_loss", "one_sided", 0.5, 0.6)

    # mature by age, half labelled
    half = [(0.5, "0"), (0.5, "1"), (0.5, None), (0.5, None)] * 3
    for model, min_coverage in [("thin", 0.51), ("thick_enough", 0.5)]:
        data.predict(model, AGED, half)
        data.limit("mean_log_loss", model, 0.5, 0.6, min_coverage=min_coverage)

    # nothing mature yet, and nothing recent any more
    data.predict("young", range(1, 4), [(0.5, None)] * 40)
    data.limit("mean_log_loss", "young", 0.5, 0.6)
    data.predict("gone_quiet", range(21, 28))
    data.limit("mean_log_loss", "gone_quiet", 0.5, 0.6)

    # a version that labels three in ten, mature by age alone, and a small canary whose
    # days are all labelled the day after
    three_in_ten = [(0.1, "1"), (0.1, "1"), (0.9, "0")] + [(0.1, None)] * 7
    data.predict("beside_a_canary", range(1, 28), three_in_ten * 4)
    data.predict(
        "beside_a_canary", range(1, 28), [(0.2, "0"), (0.8, "1")] * 5, version="canary"
    )
    data.limit("mean_log_loss", "beside_a_canary", 0.5, 0.6)

    # a breach before the window, and the same one day later
    for model, bad_day in [("recovered", 13), ("not_recovered", 12)]:
        data.predict(model, set(range(6, 20)) - {bad_day})
        data.predict(model, [bad_day], [(1e-9, "1"), (0.5, "0")] * 20)
        data.limit("mean_log_loss", model, 0.7, 5)

    # a day in the middle of the window that is too young to count
    data.predict("patchy", set(RECENT) - {8})
    data.predict("patchy", [8], [(1e-9, "1"), (0.5, "0"), (0.5, None)] * 20)
    data.limit("mean_log_loss", "patchy", 0.7, 5)

    # cohorts: one good, two bad, and rows of growing specificity
    good, bad = [(0.2, "0"), (0.8, "1")] * 5, [(0.8, "0"), (0.2, "1")] * 5
    for region, outcomes in [("north", good), ("south", bad), ("west", bad)]:
        data.predict("regional", RECENT, outcomes, region=region)
    data.limit("cohort_log_loss", "*", 0.01, 0.02)
    data.limit("cohort_log_loss", "*", 0.01, 0.02, cohort=("region", "west"))
    data.limit("cohort_log_loss", "regional", 1.0, 1.1)
    data.limit("cohort_log_loss", "regional", 1.5, 2.0, cohort=("region", "*"))
    data.limit("cohort_log_loss", "regional", 1.5, None, cohort=("region", "south"))
    data.limit("cohort_log_loss", "regional", 0.2, 0.5, cohort=("region", "north"))

    # classes: the positives of this one are missed
    data.predict("lopsided", RECENT, [(0.2, "0"), (0.2, "1")] * 5)
    data.limit("class_log_loss", "lopsided", 1.0, 1.5)
    data.limit("class_log_loss", "lopsided", 0.1, 0.2, label="0")

    # labels that never come, come in part, or come too late to count; a value at its
    # limit is within it
    for model, outcomes, delay in [
        ("covered", [(0.5, "0")] * 9 + [(0.5, None)], 14),
        ("sparse", [(0.5, "0")] * 8 + [(0.5, None)] * 2, 14),
        ("hungry", [(0.5, "0")] * 7 + [(0.5, None)] * 3, 14),
        ("starved", [(0.5, "0")] * 6 + [(0.5, None)] * 4, 14),
        ("silent", [(0.5, None)] * 10, 14),
    ]:
        data.predict(model, AGED, outcomes, delay=delay)
        data.limit("label_coverage", model, 0.9, 0.7)
    data.predict("tardy", [15], [(0.5, "0")] * 10, delay=15)
    data.limit("label_coverage", "tardy", 0.9, 0.7)

    # published, then changed by more than 0.01 nats and 2 %
    for model, changed_days in [
        ("steady", []),
        ("fickle", [7, 8, 9]),
        ("wild", RECENT),
    ]:
        data.predict(model, RECENT, [(0.2, "0"), (0.2, "1")] * 5)
        for ago in changed_days:
            data.label(model, f"{model}-1-north-{ago}-0", "1", day(2))
        data.limit("correction_rate", model, 0.4, 0.9)

    # turned away within the last seven days, and before
    for model, rejected in [("accepted", 0), ("doubtful", 1), ("rejected", 2)]:
        data.predict(model, range(0, 7), [(0.5, None)] * 10 + [(7.0, None)] * rejected)
        data.predict(model, [7], [(7.0, None)] * 100)
        data.limit("rejected_share", model, 0.05, 0.1)

    # turned away and loaded long ago, today, or nobody knows when
    for model, happened_at, loaded_at in REJECTED.values():
        data.predict(model, [5], [(0.5, "0")] * 10)
        data.predict(model, [28], [(0.5, "0")] * 10)
        for number in range(2):
            data.request(model, f"bad-{number}", happened_at, 7.0, loaded_at)
        for number in range(3):
            data.label(model, f"bad-{number}", "maybe", happened_at, loaded_at)
        data.limit("rejected_share", model, None, 0.1)
        data.limit("rejected_label_share", model, None, 0.1)

    # sent twice
    data.predict("repeated", [5], [(0.5, "0")] * 10)
    data.predictions += data.predictions[-5:]
    data.labels += data.labels[-5:]
    data.limit("rejected_share", "repeated", None, 0)
    data.limit("rejected_label_share", "repeated", None, 0)

    # names that the data has, and names that it has not
    data.predict("spelled", RECENT)
    for rule, model, scope in FAMILIAR_NAMES + UNFAMILIAR_NAMES:
        data.limit(rule, model, 5, 6, **scope)

    data.limit("non_finite_count", "*", None, 0)
    return data


# model, when the rows that are rejected happened and were loaded
REJECTED = {
    "undated": ("undated", None, None),
    "loaded in the future": ("from_the_future", day(1), date(2222, 1, 1)),
    "happened in the future": ("in_the_future", date(2222, 1, 1), None),
    "old, loaded today": ("old_but_loaded_today", day(60), day(0)),
    "on the first day of the window": ("just_counted", None, day(6)),
    "on the day before the window": ("just_too_old", None, day(7)),
    "three weeks ago": ("long_ago", None, day(21)),
    "recent, loaded three weeks ago": ("before_it_happened", day(1), day(21)),
}
NOT_COUNTED = ("just_too_old", "long_ago", "before_it_happened")

FAMILIAR_NAMES = [
    ("mean_log_loss", "spelled", {}),
    ("mean_log_loss", "spelled", {"cohort": ("all", "all"), "label": "all"}),
    ("cohort_log_loss", "spelled", {"cohort": ("region", "north")}),
    ("class_log_loss", "spelled", {"label": "1"}),
    ("class_log_loss", "*", {"label": "1"}),
]
UNFAMILIAR_NAMES = [
    ("mean_log_loss", "speled", {}),
    ("cohort_log_loss", "spelled", {"cohort": ("regoin", "*")}),
    ("cohort_log_loss", "spelled", {"cohort": ("region", "nroth")}),
    # a region, but of another model
    ("cohort_log_loss", "spelled", {"cohort": ("region", "south")}),
    ("cohort_log_loss", "*", {"cohort": ("regoin", "*")}),
    ("class_log_loss", "spelled", {"label": "yes"}),
    ("class_log_loss", "*", {"label": "yes"}),
]


def clipped_share() -> float:
    """The share of CLIPPED's loss that comes from the label held impossible."""
    clipped = -math.log(1e-15)
    return clipped / (clipped + 9 * -math.log(0.9))


# ---------------------------------------------------------------------------------
# what dbt made of it


@dataclass(frozen=True)
class Judged:
    """The built warehouse and what dbt said of each node."""

    project: UserProject
    result: dbtRunnerResult

    @property
    def outcomes(self) -> dict[str, str]:
        return outcomes_of(self.result)

    @property
    def statuses(self) -> pd.DataFrame:
        return self.project.mart("log_loss_threshold_status")

    def row(
        self,
        rule: str,
        model: str,
        value: str = "all",
        label: str = "all",
        version: str = "1",
    ):
        """The one row about a scope."""
        found = self.statuses.query(
            "rule == @rule and model_name == @model and cohort_value == @value"
            " and label == @label and model_version in (@version, '(none)')"
        )
        assert len(found) == 1, f"{len(found)} rows for {rule} of {model}"
        return found.iloc[0]

    def failing_rows(self, test: str) -> pd.DataFrame:
        return failing_rows(self.project, self.result, test)


# dbt parses anew where these differ
RULES_OF_THE_USER = {
    "log_loss_thresholds": "user_project.thresholds",
    "log_loss_suppressions": "user_project.suppressions",
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    project = scratch_project(
        tmp_path_factory.mktemp("thresholds"),
        {
            f"models/{name}.sql": f"select * from raw.{name}"
            for name in ["thresholds", "suppressions"]
        },
    )
    project.variables = {**RULES_OF_THE_USER, "log_loss_cohorts": ["region"]}
    situations().load(project)
    return Judged(project, project.invoke("build"))


# ---------------------------------------------------------------------------------
# statuses


@pytest.mark.parametrize(
    ("model", "status"),
    [
        ("calm", "ok"),
        ("noisy", "warn"),
        ("broken", "error"),
        ("only_warns", "warn"),
        ("only_errs", "error"),
        ("uncertain", "ok"),
        ("tiny", "insufficient_data"),
        ("small", "insufficient_data"),
        ("large_enough", "error"),
        # the positives may never come: what is known of the negatives is judged
        ("one_sided", "error"),
        ("sure_and_wrong", "error"),
        ("wavering_and_wrong", "error"),
        # a bound from below can show a breach, and never that there is none
        ("rare_and_right", "insufficient_data"),
        ("one_too_few", "insufficient_data"),
        ("just_enough", "error"),
        ("thin", "insufficient_data"),
        ("thick_enough", "error"),
        ("young", "immature"),
    ],
)
def test_mean_loss_is_judged(judged: Judged, model: str, status: str) -> None:
    assert judged.row("mean_log_loss", model)["status"] == status


@pytest.mark.parametrize(
    ("version", "status", "days_ago"),
    [("1", "error", (20, 14)), ("canary", "ok", (7, 1))],
)
def test_a_canary_does_not_move_the_window_of_the_version_beside_it(
    judged: Judged, version: str, status: str, days_ago: tuple[int, int]
) -> None:
    """Each is judged on its own last mature days."""
    row = judged.row("mean_log_loss", "beside_a_canary", version=version)
    assert row["status"] == status
    window = row["window_start_date"].date(), row["window_end_date"].date()
    assert window == (day(days_ago[0]), day(days_ago[1]))


@pytest.mark.parametrize(
    ("model", "status"),
    [
        ("frozen", "suppressed"),
        # an end in the year 9999 is no end
        ("sealed", "suppressed"),
        ("freezing", "suppressed"),
        ("thawed", "error"),
        ("not_yet_frozen", "error"),
        # a suppression hides a breach, not good news
        ("calm", "ok"),
    ],
)
def test_a_suppression_hides_breaches_of_its_time(
    judged: Judged, model: str, status: str
) -> None:
    assert judged.row("mean_log_loss", model)["status"] == status


def test_the_row_shows_what_the_verdict_rests_on(judged: Judged) -> None:
    row = judged.row("mean_log_loss", "uncertain")
    outcomes = UNCERTAIN * len(RECENT)
    labels = [int(label) for _, label in outcomes]
    positive = np.array([probability for probability, _ in outcomes])
    losses = -np.log(np.where(np.array(labels) == 1, positive, 1 - positive))
    mean = metrics.log_loss(labels, positive)
    factor = math.exp(
        1.959963984540054 * losses.std(ddof=1) / (math.sqrt(len(losses)) * mean)
    )
    assert row["value"] == pytest.approx(mean, rel=1e-12)
    assert row["ci_lower"] == pytest.approx(mean / factor, rel=1e-9)
    assert row["ci_upper"] == pytest.approx(mean * factor, rel=1e-9)
    assert row["ci_lower"] < row["warn_at"] == 0.3 < row["error_at"] == 0.4 < mean
    assert row[["sample_count", "labeled_count"]].tolist() == [42, 42]
    assert row["label_coverage"] == 1
    assert row["window_start_date"].date() == day(12)
    assert row["window_end_date"].date() == day(6)


@pytest.mark.parametrize("model", RARE_POSITIVES)
def test_a_rare_class_does_not_keep_the_common_one_from_judgement(
    judged: Judged, model: str
) -> None:
    """The rare class can only add to the mean, by an amount that is not known."""
    row = judged.row("mean_log_loss", model)
    outcomes = RARE_POSITIVES[model]
    labels = [int(label) for _, label in outcomes]
    positive = np.array([probability for probability, _ in outcomes])
    assert row["value"] == pytest.approx(metrics.log_loss(labels, positive), rel=1e-12)
    assert math.isnan(row["ci_lower"]) and math.isnan(row["ci_upper"])

    negatives = -np.log1p(-positive[np.array(labels) == 0])
    mean = negatives.mean()
    error = negatives.std(ddof=1) / math.sqrt(len(negatives))
    lower = mean * math.exp(-1.959963984540054 * error / mean)
    expected = lower * len(negatives) / len(labels)
    # where all losses are equal, their deviation is the rounding of a sum of squares
    assert row["evaluated_value"] == pytest.approx(expected, rel=1e-7)


def test_value_and_limits_of_a_row_with_both(judged: Judged) -> None:
    row = judged.row("mean_log_loss", "broken")
    assert row["value"] == pytest.approx(LN2, rel=1e-12)
    assert row[["warn_at", "error_at"]].tolist() == [0.5, 0.6]


def test_a_breach_before_the_window_does_not_count(judged: Judged) -> None:
    recovered = judged.row("mean_log_loss", "recovered")
    assert recovered["status"] == "ok"
    assert recovered["value"] == pytest.approx(LN2, rel=1e-12)
    not_recovered = judged.row("mean_log_loss", "not_recovered")
    assert not_recovered["status"] == "warn"
    assert not_recovered["value"] > 2


def test_a_day_that_is_not_mature_does_not_count(judged: Judged) -> None:
    row = judged.row("mean_log_loss", "patchy")
    assert row["status"] == "ok"
    assert row["value"] == pytest.approx(LN2, rel=1e-12)
    assert row["labeled_count"] == 60


def test_a_model_that_has_gone_quiet_is_not_judged(judged: Judged) -> None:
    assert "gone_quiet" in set(judged.project.mart("log_loss_daily")["model_name"])
    rules = judged.statuses.query("model_name == 'gone_quiet' and rule != 'cohort'")
    assert "mean_log_loss" not in set(rules["rule"])


@pytest.mark.parametrize(
    ("region", "value", "limits", "status"),
    [
        # its own row
        ("north", -math.log(0.8), [0.2, 0.5], "warn"),
        # its own row, though the row of the column has an error limit
        ("south", -math.log(0.2), [1.5, None], "warn"),
        # the row of the model and column beats that of the value for any model
        ("west", -math.log(0.2), [1.5, 2.0], "warn"),
    ],
)
def test_the_most_specific_row_wins(
    judged: Judged, region: str, value: float, limits: list, status: str
) -> None:
    row = judged.row("cohort_log_loss", "regional", value=region)
    assert row["value"] == pytest.approx(value, rel=1e-12)
    found = [None if math.isnan(x) else x for x in row[["warn_at", "error_at"]]]
    assert found == limits
    assert row["status"] == status


def test_a_row_for_every_model_reaches_those_without_one(judged: Judged) -> None:
    row = judged.row("cohort_log_loss", "calm", value="north")
    assert row[["warn_at", "error_at"]].tolist() == [0.01, 0.02]
    assert row["status"] == "suppressed"
    assert judged.row("cohort_log_loss", "noisy", value="north")["status"] == "error"


@pytest.mark.parametrize(
    ("label", "value", "status"),
    [("0", -math.log(0.8), "error"), ("1", -math.log(0.2), "error")],
)
def test_classes_are_judged_each_by_its_row(
    judged: Judged, label: str, value: float, status: str
) -> None:
    row = judged.row("class_log_loss", "lopsided", label=label)
    assert row["value"] == pytest.approx(value, rel=1e-12)
    assert row["error_at"] == {"0": 0.2, "1": 1.5}[label]
    assert row["labeled_count"] == 35
    assert row["status"] == status


@pytest.mark.parametrize(
    ("model", "coverage", "status"),
    [
        ("covered", 0.9, "ok"),
        ("sparse", 0.8, "warn"),
        ("hungry", 0.7, "warn"),
        ("starved", 0.6, "error"),
        ("silent", 0.0, "error"),
        # all labelled by now, none within the days to maturity
        ("tardy", 0.0, "error"),
    ],
)
def test_coverage_is_judged_at_an_age(
    judged: Judged, model: str, coverage: float, status: str
) -> None:
    row = judged.row("label_coverage", model)
    assert row["value"] == pytest.approx(coverage, rel=1e-12)
    assert row["labeled_count"] == round(coverage * row["sample_count"])
    first, last = (15, 15) if model == "tardy" else (20, 14)
    assert row["window_start_date"].date() == day(first)
    assert row["window_end_date"].date() == day(last)
    assert row["status"] == status


@pytest.mark.parametrize(
    ("model", "rate", "status"),
    [("steady", 0, "ok"), ("fickle", 3 / 7, "warn"), ("wild", 1, "error")],
)
def test_the_correction_rate_is_judged(
    judged: Judged, model: str, rate: float, status: str
) -> None:
    row = judged.row("correction_rate", model)
    assert row["value"] == pytest.approx(rate, rel=1e-12)
    assert row["status"] == status


@pytest.mark.parametrize(
    ("model", "share", "status"),
    [("accepted", 0, "ok"), ("doubtful", 1 / 11, "warn"), ("rejected", 1 / 6, "error")],
)
def test_the_rejected_share_is_judged_at_once(
    judged: Judged, model: str, share: float, status: str
) -> None:
    row = judged.row("rejected_share", model)
    assert row["value"] == pytest.approx(share, rel=1e-12)
    assert row["window_end_date"].date() == LAST_LOAD
    assert row["status"] == status


@pytest.mark.parametrize(
    "model", [model for model, _, _ in REJECTED.values()], ids=REJECTED
)
def test_rejected_rows_count_by_the_date_they_were_loaded(
    judged: Judged, model: str
) -> None:
    """In the last seven days; what no clock can date may have come today."""
    predictions = judged.row("rejected_share", model)
    labels = judged.row("rejected_label_share", model)
    for row, rejected in [(predictions, 2), (labels, 3)]:
        if model in NOT_COUNTED:
            rejected = 0
        assert row["value"] == pytest.approx(rejected / (10 + rejected), rel=1e-12)
        assert row["sample_count"] == 10 + rejected
        assert row["status"] == ("error" if rejected else "ok")


@pytest.mark.parametrize("rule", ["rejected_share", "rejected_label_share"])
def test_rows_sent_twice_harm_nobody(judged: Judged, rule: str) -> None:
    row = judged.row(rule, "repeated")
    assert row["sample_count"] == 15
    assert row["value"] == 0
    assert row["status"] == "ok"


@pytest.mark.parametrize(
    ("model", "status"), [("within_clipping", "ok"), ("beyond_clipping", "error")]
)
def test_the_share_of_clipped_loss_is_judged(
    judged: Judged, model: str, status: str
) -> None:
    row = judged.row("clipped_loss_share", model)
    assert row["value"] == pytest.approx(clipped_share(), rel=1e-12)
    assert row["status"] == status


def test_numbers_are_finite(judged: Judged) -> None:
    rows = judged.statuses.query("rule == 'non_finite_count'")
    assert set(rows["status"]) == {"ok"} and set(rows["value"]) == {0.0}


# ---------------------------------------------------------------------------------
# the data tests that judge the statuses


def test_errors_fail_the_build_and_warnings_warn(judged: Judged) -> None:
    assert not judged.result.success
    assert judged.outcomes["assert_no_threshold_errors"] == "fail"
    assert judged.outcomes["assert_no_threshold_warnings"] == "warn"
    for test, status in [
        ("assert_no_threshold_errors", "error"),
        ("assert_no_threshold_warnings", "warn"),
    ]:
        rows = judged.failing_rows(test)
        assert len(rows) == (judged.statuses["status"] == status).sum()
        assert set(rows["severity"]) == {status}


def test_alerts_fail_the_build_where_they_are_the_gates(judged: Judged) -> None:
    """Pages fail it, tickets warn, and what is suppressed is neither."""
    project = replace(
        judged.project,
        variables={**judged.project.variables, "log_loss_gates": "alerts"},
    )
    result = project.invoke("test", "--select", "assert_no_pages", "assert_no_tickets")
    gates = {"page": ("assert_no_pages", "fail"), "ticket": ("assert_no_tickets", "warn")}
    assert outcomes_of(result) == dict(gates.values())
    alerts = project.mart("log_loss_alerts")
    is_open = alerts["is_current"] & ~alerts["is_suppressed"]
    for severity, (test, _) in gates.items():
        rows = failing_rows(project, result, test)
        assert len(rows) == (is_open & (alerts["severity"] == severity)).sum() > 0
        assert {"frozen", "freezing"}.isdisjoint(rows["model_name"])


def test_a_failing_threshold_stops_no_other_node(judged: Judged) -> None:
    unhappy = {
        name: outcome
        for name, outcome in judged.outcomes.items()
        if outcome not in ("success", "pass")
    }
    assert unhappy == {
        "assert_no_threshold_errors": "fail",
        "assert_no_threshold_warnings": "warn",
        "assert_limits_match_something": "warn",
    }


def test_limits_for_names_that_the_data_never_had_are_warned_of(
    judged: Judged,
) -> None:
    """A misspelt limit can never be breached. It is no reason to stop a build."""
    assert judged.outcomes["assert_limits_match_something"] == "warn"
    found = judged.failing_rows("assert_limits_match_something")
    expected = [
        (rule, model, *scope.get("cohort", ("*", "*")), scope.get("label", "*"))
        for rule, model, scope in UNFAMILIAR_NAMES
    ]
    assert sorted(found.itertuples(index=False, name=None)) == sorted(expected)


def test_a_suppression_without_a_model_hides_every_breach(
    judged: Judged, tmp_path: Path
) -> None:
    copy = replace(judged.project, path=tmp_path / "warehouse.duckdb")
    judged.project.query("checkpoint")
    shutil.copy(judged.project.path, copy.path)
    everything = Data()
    everything.suppress(None, "2024-01-01", None)
    copy.load("suppressions", pd.DataFrame(everything.suppressions), SUPPRESSIONS)
    copy.run("--select", "log_loss_threshold_status")
    before, after = (
        project.mart("log_loss_threshold_status")["status"].value_counts()
        for project in [judged.project, copy]
    )
    assert after.get("warn", 0) == after.get("error", 0) == 0
    assert after["suppressed"] == before[["warn", "error", "suppressed"]].sum()
    assert after["ok"] == before["ok"]


def test_without_breaches_the_build_is_green(tmp_path: Path) -> None:
    """And the default rules apply to a user who names no thresholds."""
    project = UserProject(tmp_path / "warehouse.duckdb", tmp_path / "target")
    data = Data()
    data.predict("calm", RECENT)
    data.load(project)
    result = project.invoke("build")
    assert result.success, messages(result)
    statuses = project.mart("log_loss_threshold_status")
    assert set(zip(statuses["rule"], statuses["status"], strict=True)) == {
        ("non_finite_count", "ok"),
        ("rejected_label_share", "ok"),
        ("rejected_share", "ok"),
        ("duplicate_share", "ok"),
        # a day without a past
        ("mean_log_loss_increase", "insufficient_data"),
        ("class_log_loss_increase", "insufficient_data"),
    }


# ---------------------------------------------------------------------------------
# the generic tests, used by somebody else


def values(columns: str, *rows: str) -> str:
    """A model that holds these rows."""
    return f"select * from (values {', '.join(rows)}) as rows ({columns})"


SCORES = "probability, label, p_no, p_yes"
GOOD_SCORES = ["(0.2::double, '0', 0.8::double, 0.2::double)"] * 20 + [
    "(0.8, '1', 0.2, 0.8)"
] * 20
UNLABELED = "(0.8, null, 0.2, 0.8)"
RULES = ", ".join(THRESHOLDS)
MEAN_RULE = "('mean_log_loss', '*', '*', '*', '*', 0.5::double, 0.6::double, 0, 0.5)"

MODELS = {
    "good_scores": values(SCORES, *GOOD_SCORES, UNLABELED),
    "few_scores": values(SCORES, *GOOD_SCORES[:29]),
    "enough_scores": values(SCORES, *GOOD_SCORES[:30]),
    "no_scores": values(SCORES, *GOOD_SCORES) + " where 1 = 0",
    "no_labels": values(SCORES, *[UNLABELED.replace("null", "null::varchar")] * 40),
    "null_score": values(SCORES, *GOOD_SCORES, "(null, '1', 0.2, 0.8)"),
    "nan_score": values(SCORES, *GOOD_SCORES, "('nan'::double, '1', 0.2, 0.8)"),
    "infinite_score": values(SCORES, *GOOD_SCORES, "('inf'::double, '1', 0.2, 0.8)"),
    "minus_infinity": values(SCORES, *GOOD_SCORES, "('-inf'::double, '1', 0.2, 0.8)"),
    "negative_score": values(SCORES, *GOOD_SCORES, "(-0.01, '1', 0.2, 0.8)"),
    "per_cent": values(SCORES, *GOOD_SCORES, "(1.01, '1', 0.2, 0.8)"),
    "certain_score": values(SCORES, *GOOD_SCORES, "(0.0, '1', 1.0, 0.0)"),
    "unknown_class": values(SCORES, *GOOD_SCORES, "(0.8, 'maybe', 0.2, 0.8)"),
    "repeated": values("a, b", "(1, 1)", "(1, 2)", "(1, 2)"),
    "repeated_null": values("a, b", "(1, 1)", "(null, 2)", "(null, 2)"),
    "unique_pairs": values("a, b", "(1, 1)", "(1, 2)", "(null, 2)"),
    "good_rules": values(
        RULES,
        MEAN_RULE,
        "('mean_log_loss', 'card', '*', '*', '*', 0.5, 0.5, 10, 1)",
        "('mean_log_loss', 'other', '*', '*', '*', null, 0.5, 0, 0)",
        "('cohort_log_loss', '*', 'region', 'north', '*', 0.5, null, 0, 0)",
        "('label_coverage', '*', '*', '*', '*', 0.8, 0.7, 0, 0)",
        # `all` is what a rule without cohorts or labels has
        "('mean_log_loss', 'third', 'all', 'all', 'all', 0.5, 0.6, 0, 0)",
        "('class_log_loss', '*', 'all', 'all', '1', 0.5, 0.6, 0, 0.5)",
        "('label_coverage', '*', 'region', 'north', 'all', 0.8, 0.7, 0, 0)",
        "('clipped_loss_share', '*', '*', '*', '*', 0.5, 0.6, 0, 0.5)",
        "('correction_rate', '*', '*', '*', '*', 0.5, 0.6, 0, 0.5)",
    ),
}


def rules(names: str, cohort: str, label: str, min_coverage: float) -> list[str]:
    """A row of each rule, its limits the right way round."""
    limits = {"label_coverage": "0.6, 0.5"}
    return [
        f"('{name}', 'card', {cohort}, '{label}', {limits.get(name, '0.5, 0.6')},"
        f" 0, {min_coverage})"
        for name in names.split()
    ]


WITHOUT_COHORTS = "mean_log_loss class_log_loss clipped_loss_share correction_rate"
WITHOUT_LABELS = "mean_log_loss cohort_log_loss clipped_loss_share correction_rate"
NOT_FROM_LABELS = "rejected_share rejected_label_share non_finite_count"

# name of the rules model that has it, the row, what is said of it
CONTRADICTIONS = {
    "unknown_rule": (["('mean_los', '*', '*', '*', '*', 0.5, 0.6, 0, 0)"], "no such"),
    "null_rule": (["(null, '*', '*', '*', '*', 0.5, 0.6, 0, 0)"], "no such rule"),
    "twice": ([MEAN_RULE, MEAN_RULE], "more than one row for the same scope"),
    "no_limit": (
        ["('mean_log_loss', '*', '*', '*', '*', null, null, 0, 0)"], "no limit is given"
    ),
    "nan_limit": (
        ["('mean_log_loss', '*', '*', '*', '*', 'nan'::double, 0.6, 0, 0)"],
        "not a finite number",
    ),
    "infinite_limit": (
        ["('mean_log_loss', '*', '*', '*', '*', 0.5, 'inf'::double, 0, 0)"],
        "not a finite number",
    ),
    "reversed_limits": (
        ["('mean_log_loss', '*', '*', '*', '*', 0.6, 0.5, 0, 0)"], "before warn_at"
    ),
    "reversed_coverage": (
        ["('label_coverage', '*', '*', '*', '*', 0.7, 0.8, 0, 0)"], "before warn_at"
    ),
    "negative_size": (
        ["('event_share_shift', '*', '*', '*', '*', -0.1, 0.1, 0, 0)"],
        "applies to the size",
    ),
    "negative_count": (
        ["('mean_log_loss', '*', '*', '*', '*', 0.5, 0.6, -1, 0)"], "negative"
    ),
    "coverage_in_per_cent": (
        ["('mean_log_loss', '*', '*', '*', '*', 0.5, 0.6, 0, 50)"], "no share"
    ),
    "cohort_without_name": (
        ["('cohort_log_loss', '*', '*', 'north', '*', 0.5, 0.6, 0, 0)"],
        "without cohort_name",
    ),
    "cohort_of_a_rule_without": (
        rules(f"{WITHOUT_COHORTS} {NOT_FROM_LABELS}", "'region', 'north'", "*", 0)
        + rules("mean_log_loss", "'region', '*'", "*", 0),
        "a cohort is given, and the rule has none",
    ),
    "label_of_a_rule_without": (
        rules(f"{WITHOUT_LABELS} label_coverage {NOT_FROM_LABELS}", "'*', '*'", "1", 0),
        "a label is given, and the rule has none",
    ),
    "the_whole_as_a_cohort": (
        rules("cohort_log_loss", "'all', 'all'", "*", 0), "the whole is no cohort"
    ),
    "the_whole_as_a_label": (
        rules("class_log_loss", "'*', '*'", "all", 0), "all is no label"
    ),
    "coverage_of_a_rule_without": (
        rules(f"label_coverage {NOT_FROM_LABELS}", "'*', '*'", "*", 0.5),
        "min_coverage is given, and the rule does not rest on labels",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Use:
    """One use of a generic test and how it ends."""

    test: str
    model: str
    outcome: str
    arguments: dict

    @property
    def name(self) -> str:
        """Of the data test; two uses may differ in their arguments only."""
        return f"{self.test}_{self.model}_{USES.index(self)}"


def uses(test: str, outcome: str, models: str, **arguments: object) -> list[Use]:
    return [Use(test, model, outcome, arguments) for model in models.split()]


def at_most(outcome: str, models: str, limit: object = 0.3, **arguments: object):
    usual = {
        "probability": "probability",
        "label": "label",
        "classes": ["0", "1"],
        "max_log_loss": limit,
        "epsilon": 1e-15,
    }
    return uses("log_loss_at_most", outcome, models, **usual | arguments)


def coverage(outcome: str, models: str, limit: object = 0.9, **arguments: object):
    usual = {"label": "label", "min_coverage": limit}
    return uses("label_coverage_at_least", outcome, models, **usual | arguments)


TWO_COLUMNS = {"probability": ["p_no", "p_yes"]}
BAD_SCORES = "nan_score infinite_score minus_infinity negative_score per_cent"

# the loss of good_scores is -ln 0.8 = 0.223
USES = [
    *at_most("pass", "good_scores enough_scores"),
    *at_most("pass", "good_scores", **TWO_COLUMNS),
    *at_most("pass", "good_scores", 0.2232),
    *at_most("pass", "few_scores", min_labeled_count=29),
    *at_most("fail", "good_scores", 0.2231),
    *at_most("fail", "few_scores no_scores no_labels"),
    *at_most("fail", "good_scores", min_labeled_count=41),
    *at_most("fail", "null_score unknown_class"),
    # whatever the limit: clipped, such a score would count as certain
    *at_most("fail", BAD_SCORES, 100),
    *at_most("fail", "good_scores", classes=["0", "2"]),
    *at_most("pass", "certain_score", 1.1),
    *at_most("fail", "certain_score", 1.0),
    *at_most("pass", "certain_score", 0.4, epsilon=1e-3),
    *at_most("max_log_loss", "good_scores", 0),
    *at_most("max_log_loss", "good_scores", "low"),
    *at_most("max_log_loss", "good_scores", True),
    *at_most("min_labeled_count", "good_scores", min_labeled_count=0),
    *at_most("min_labeled_count", "good_scores", min_labeled_count=1.5),
    *coverage("pass", "good_scores"),
    *coverage("pass", "good_scores", 40 / 41),
    *coverage("fail", "good_scores", 0.98),
    *coverage("fail", "few_scores no_scores no_labels"),
    *coverage("pass", "few_scores", min_row_count=29),
    *coverage("min_coverage", "good_scores", 90),
    *coverage("min_coverage", "good_scores", 0),
    *coverage("min_coverage", "good_scores", "most"),
    *coverage("min_row_count", "good_scores", min_row_count=-1),
    *uses("probability_is_valid", "pass", "good_scores", column_name="probability"),
    *uses("probability_is_valid", "fail", BAD_SCORES, column_name="probability"),
    *uses("probability_is_valid", "fail", "null_score", column_name="probability"),
    *uses(
        "probability_is_valid", "pass", "null_score good_scores",
        column_name="probability", allow_null=True,
    ),
    *uses(
        "probability_is_valid", "fail", BAD_SCORES,
        column_name="probability", allow_null=True,
    ),
    *uses(
        "probability_is_valid", "allow_null", "good_scores",
        column_name="probability", allow_null="sometimes",
    ),
    *uses(
        "is_finite", "pass", "good_scores null_score negative_score per_cent",
        column_name="probability",
    ),
    *uses(
        "is_finite", "fail", "nan_score infinite_score minus_infinity",
        column_name="probability",
    ),
    *uses("unique_grain", "pass", "unique_pairs", columns=["a", "b"]),
    *uses("unique_grain", "fail", "unique_pairs", columns=["a"]),
    *uses("unique_grain", "fail", "repeated repeated_null", columns=["a", "b"]),
    *uses("unique_grain", "columns", "repeated", columns=[]),
    *uses("unique_grain", "columns", "repeated", columns="a"),
    *uses("thresholds_are_consistent", "pass", "good_rules"),
    *uses("thresholds_are_consistent", "fail", " ".join(CONTRADICTIONS)),
]  # fmt: skip


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """Every use in one `dbt build` of the user's own models."""
    contradictory = {
        name: values(RULES, MEAN_RULE.replace("'*'", "'good'", 1), *rows)
        for name, (rows, _) in CONTRADICTIONS.items()
    }
    models = MODELS | contradictory
    properties = {
        "version": 2,
        "models": [
            {
                "name": model,
                "data_tests": [
                    {
                        f"log_loss.{use.test}": {
                            "name": use.name, "arguments": use.arguments
                        }
                    }
                    for use in USES
                    if use.model == model
                ],
            }
            for model in models
        ],
    }  # fmt: skip
    files = {f"models/own/{name}.sql": sql for name, sql in models.items()}
    files["models/own/own.yml"] = yaml.safe_dump(properties)
    project = scratch_project(tmp_path_factory.mktemp("generic"), files)
    return Judged(project, project.invoke("build", "--select", "path:models/own"))


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(
            use,
            id=f"{use.test}-{use.model}-{use.outcome}",
        )
        for use in USES
    ],
)
def test_a_generic_test_tells_good_from_bad(used: Judged, use: Use) -> None:
    """Where an argument is wrong, the message names it and says what to give."""
    if use.outcome in ("pass", "fail"):
        said = [text for text in messages(used.result) if use.name in text]
        assert used.outcomes[use.name] == use.outcome, said
        return
    assert used.outcomes[use.name] == "error"
    message = next(text for text in messages(used.result) if use.name in text)
    assert f"`{use.outcome}`" in message
    assert "Received" in message


@pytest.mark.parametrize(("model", "case"), CONTRADICTIONS.items(), ids=CONTRADICTIONS)
def test_contradictory_thresholds_are_named(used: Judged, model: str, case) -> None:
    """Each bad row, and only those, with its problem."""
    rows, problem = case
    use = next(use for use in USES if use.model == model)
    found = used.failing_rows(use.name)
    assert len(found) == len(rows)
    assert found["problem"].str.contains(problem, regex=False).all()
    assert "good" not in set(found["model_name"])


def test_contradictory_thresholds_fail_the_build(tmp_path: Path) -> None:
    rules = values(RULES, *CONTRADICTIONS["reversed_limits"][0])
    suppressions = "select * from raw.suppressions"
    project = scratch_project(
        tmp_path,
        {"models/thresholds.sql": rules, "models/suppressions.sql": suppressions},
        RULES_OF_THE_USER,
    )
    result = project.invoke("build", "--select", "+stg_log_loss__thresholds")
    outcomes = Judged(project, result).outcomes
    tests = [name for name in outcomes if "thresholds_are_consistent" in name]
    assert [outcomes[name] for name in tests] == ["fail"], messages(result)


def test_the_configured_epsilon_is_the_default(tmp_path: Path) -> None:
    """A generic test belongs to the user's project, where no default is declared."""
    arguments = at_most("pass", "own")[0].arguments
    del arguments["epsilon"]
    test = {"log_loss.log_loss_at_most": {"arguments": arguments}}
    properties = {"models": [{"name": "own", "data_tests": [test]}]}
    project = scratch_project(
        tmp_path,
        {
            "models/own.sql": MODELS["good_scores"],
            "models/own.yml": yaml.safe_dump(properties),
        },
    )
    result = project.invoke("build", "--select", "own")
    assert result.success, messages(result)


def test_a_wrong_argument_stops_its_test_and_no_other_command(tmp_path: Path) -> None:
    """`classes` is checked deep inside, by the macro that the test calls."""
    arguments = at_most("error", "own", classes=["0", "1", "2"])[0].arguments
    test = {"log_loss.log_loss_at_most": {"arguments": arguments}}
    properties = {"models": [{"name": "own", "data_tests": [test]}]}
    project = scratch_project(
        tmp_path,
        {
            "models/own.sql": MODELS["good_scores"],
            "models/own.yml": yaml.safe_dump(properties),
        },
    )
    result = project.invoke("ls")
    assert result.success, messages(result)
