"""The demo's flights: every mart, row and column equals the oracle's."""

from __future__ import annotations

import math
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from harness import LEDGER_ONLY, UserProject, copied
from oracle import (
    GRAINS,
    Oracle,
    Scored,
    agrees,
    differences,
    fail_on,
    labeled,
    mart_differences,
    mean_loss,
    scikit_learn_mean_loss,
)


@pytest.fixture(scope="module")
def expected(oracle: Oracle) -> dict[str, list[dict]]:
    return oracle.marts()


@pytest.mark.parametrize("mart", GRAINS)
def test_mart_equals_the_oracle(
    whole_demo: UserProject, expected: dict[str, list[dict]], mart: str
) -> None:
    assert len(expected[mart]) > 50, "the demo should exercise every mart"
    fail_on(mart_differences(mart, whole_demo.mart_rows(mart), expected[mart]))


def test_scored_predictions_equal_the_oracle_row_by_row(
    whole_demo: UserProject, oracle: Oracle
) -> None:
    found = differences(
        whole_demo.mart_rows("log_loss_scored_predictions"),
        oracle.scored_predictions(),
        ["request_id", "model_name", "model_version"],
    )
    fail_on(found)


def test_mean_log_loss_is_scikit_learns_on_every_version_and_day(
    whole_demo: UserProject, oracle: Oracle
) -> None:
    judged = set()
    for row in whole_demo.mart_rows("log_loss_daily"):
        key = (row["metric_date"], row["model_name"], row["model_version"])
        group = oracle.now.group(key)
        if not labeled(group):
            assert row["mean_log_loss"] is None
            continue
        theirs = scikit_learn_mean_loss(group, oracle.settings.epsilon)
        slack = mean_loss(group).within
        assert abs(row["mean_log_loss"] - theirs) <= slack, key
        judged.add(key[1:])
    assert len(judged) == 4, "two versions of the binary and of the 3-class model"


def test_every_past_date_can_be_read_from_the_corrections(
    whole_demo: UserProject, oracle: Oracle
) -> None:
    """The last row up to a date is what a mart built on that date said."""
    history = sorted(
        whole_demo.mart_rows("log_loss_retroactive_corrections"),
        key=lambda row: row["as_of_date"],
    )
    latest, compared = {}, 0
    for day in days(oracle.recorded_dates[0], oracle.as_of_date):
        for row in history:
            if row["as_of_date"] == day:
                key = (row["metric_date"], row["model_name"], row["model_version"])
                latest[key] = row
        snapshot = oracle.snapshot(day)
        assert latest.keys() == snapshot.accepted.keys(), day
        for key, row in latest.items():
            group = snapshot.group(key)
            assert row["prediction_count_as_of"] == len(group), (day, key)
            assert row["labeled_count_as_of"] == len(labeled(group)), (day, key)
            assert agrees(row["mean_log_loss_as_of"], mean_loss(group)), (day, key)
            compared += 1
    assert compared > 10_000


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(n) for n in range((last - first).days + 1)]


def edges() -> list[float]:
    small = [float(f"{step}e-{k}") for k in range(8, 2, -1) for step in (1, 2, 5)]
    mirrored = [float(1 - Decimal(str(edge))) for edge in reversed(small)]
    return [*small, *(n / 100 for n in range(1, 100)), *mirrored]


def score(row: Scored) -> float:
    """P(positive) of two classes, else the largest probability."""
    probabilities = row.prediction.probabilities
    return probabilities[1] if len(probabilities) == 2 else max(probabilities)


def loss_bin(loss: float) -> int:
    """DDSketch with a relative error of 2 %."""
    return math.ceil(math.log(loss) / math.log(1.02 / 0.98)) if loss >= 1e-9 else -1000


def binned(oracle: Oracle) -> Counter:
    """Predictions and labels by score bin and by cohort and decile; labels by loss."""
    counts = Counter()
    for row in oracle.now.scored:
        prediction = row.prediction
        score_bin = int(np.digitize(score(row), edges(), right=True))
        decile = int(np.digitize(score(row), np.arange(1, 10) / 10, right=True))
        for kind in ["prediction"] + ["label"] * row.is_labeled:
            counts["score_bin", *prediction.key, "all", "all", score_bin, kind] += 1
            for cohort in oracle.now.scopes(prediction)[1:]:
                grain = "cohort_score_decile"
                counts[grain, *prediction.key, *cohort, decile, kind] += 1
        if row.is_labeled:
            bin_ = loss_bin(row.score.loss)
            counts["loss_bin", *prediction.key, "all", "all", bin_, "label"] += 1
    return counts


def test_bins_of_the_ledger_hold_the_rows_they_should(
    whole_demo: UserProject, oracle: Oracle
) -> None:
    rows = whole_demo.rows(
        """
        select
            grain, metric_date, model_name, model_version, cohort_name, cohort_value,
            bin,
            case when entry_type = 'prediction' then 'prediction' else 'label' end
                as kind,
            cast(sum(entry_count) as bigint) as entry_count
        from main.int_log_loss__ledger
        where
            grain in ('score_bin', 'loss_bin', 'cohort_score_decile')
            and entry_type <> 'rejection'
        group by all
        having sum(entry_count) <> 0
        """
    )
    assert {tuple(row.values())[:-1]: row["entry_count"] for row in rows} == binned(
        oracle
    )


@pytest.mark.parametrize("as_of_date", ["2013-06-12", "2013-07-31", "2013-09-20"])
def test_marts_rebuilt_as_of_a_date_equal_what_was_known_then(
    whole_demo: UserProject, oracle: Oracle, as_of_date: str, tmp_path: Path
) -> None:
    """Early, mid-history, and after the last load, where only ages move on."""
    demo = copied(whole_demo, tmp_path)
    demo.variables["log_loss_as_of_date"] = as_of_date
    demo.run(*LEDGER_ONLY)
    found = [
        difference
        for mart, expected in oracle.rewound(date.fromisoformat(as_of_date))
        .marts()
        .items()
        for difference in mart_differences(mart, demo.mart_rows(mart), expected)
    ]
    fail_on(found)
