"""Rules on calibration, percentiles and drift, beside NumPy and SciPy."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from harness import LABEL_COLUMNS, PREDICTION_COLUMNS, UserProject
from oracle import OVERALL, Oracle, Scored, Snapshot, labeled, predicted_position
from oracle_decisions import (
    Series,
    baseline_of,
    as_of_dates,
    versions_before,
)


def promise(row: Scored) -> tuple[float, float, float, float, float]:
    """Loss and expected loss, the variance of that, event and score."""
    p = np.array(row.prediction.probabilities)
    entropy = special.entr(p).sum()
    logs = np.log(np.where(p > 0, p, 1))
    variance = (p * logs**2).sum() - entropy**2
    if len(p) == 2:
        score, event = p[1], row.event.position == 2
    else:
        score, event = p.max(), row.event.position == predicted_position(tuple(p))
    return row.score.loss, entropy, variance, float(event), score


def excess(
    found: np.ndarray,
    promised: np.ndarray,
    variance: float,
    past: tuple[np.ndarray, np.ndarray] | None,
) -> dict:
    """By day: what came, what was promised, and both on the days of the baseline."""
    total = (found - promised).sum()
    by_rows = np.sqrt(variance)
    told = {
        "day_count": len(found),
        "relative_excess": total / promised.sum(),
        "z_rows": total / by_rows,
        "z_days": None,
        "p_value": None,
    }
    if past is None:
        return told
    came, expected = past
    count = len(came)
    residuals = came - came.sum() / expected.sum() * expected
    r = np.sum(residuals[:-1] * residuals[1:]) / np.sum(residuals**2)
    r = float(np.clip(r + 1 / count, 0, 0.8))
    spread = (1 + r) / (1 - r)
    variance_of_days = np.sum(residuals**2) / np.sum(expected**2) * count / (count - 1)
    by_days = np.sqrt(variance_of_days * np.sum(promised**2) * spread)
    freedom = max(4, count / spread - 1)
    return told | {
        "z_days": total / by_days,
        "autocorrelation": r,
        "degrees_of_freedom": freedom,
        "p_value": 2 * stats.t.sf(abs(total) / max(by_rows, by_days), freedom),
    }


def promises(snapshot: Snapshot, key: tuple[str, str], days: list[date]) -> list:
    """Of each day that has labels: its rows' promises, one row each."""
    groups = [labeled(snapshot.group((day, *key))) for day in days]
    return [np.array([promise(row) for row in group]) for group in groups if group]


@pytest.mark.parametrize("weeks_ago", range(7))
def test_excess_over_what_scores_promise(
    whole_demo: UserProject,
    oracle: Oracle,
    weeks_ago: int,
) -> None:
    day = as_of_dates(oracle, 7)[weeks_ago]
    snapshot, expected = oracle.as_of(day), {}
    lenders = versions_before(oracle, day)
    for model, version in lenders:
        series = Series(snapshot, model, version, OVERALL)
        # the 28 days that are 14 days old
        days = [at for at in series.days() if 14 <= (day - at).days < 42]
        if not days or (day - days[-1]).days >= 21:
            continue
        rows = promises(snapshot, (model, version), days)
        sums = np.array([group.sum(axis=0) for group in rows])
        score = np.concatenate(rows)[:, 4]
        baseline = baseline_of(snapshot, lenders, model, version, OVERALL)
        past = None
        if baseline:
            before = [at for at in baseline[1] if at < days[0] and (day - at).days >= 14]
            groups = promises(snapshot, (model, baseline[0]), before)
            past = np.array([g.sum(axis=0) for g in groups]) if len(groups) >= 14 else None
        variances = {
            "calibration_gap": sums[:, 2].sum(),
            "event_share_shift": (score * (1 - score)).sum(),
        }
        for place, (rule, variance) in zip((0, 3), variances.items(), strict=True):
            found, promised = sums[:, place], sums[:, place + 1]
            told = excess(
                found, promised, variance,
                None if past is None else (past[:, place], past[:, place + 1]),
            )  # fmt: skip
            if variances["event_share_shift"] < 25:
                for name in ("relative_excess", "z_rows", "z_days", "p_value"):
                    told[name] = None
            expected[rule, model, version] = told | {
                "labeled_count": len(score),
                # of those that came or were promised
                "rarer_outcome_count": min(
                    max(sums[:, 3].sum(), np.floor(score.sum())),
                    max(len(score) - sums[:, 3].sum(), np.floor((1 - score).sum())),
                ),
                "expected_mean": promised.sum() / len(score),
                "mean_excess": (found - promised).sum() / len(score),
            }
    actual = {
        (row["rule"], row["model_name"], row["model_version"]): row
        for row in whole_demo.rows(
            "select * from main.int_log_loss__calibration_tests"
            f" where as_of_date = date '{day}'"
        )
    }
    assert actual.keys() == expected.keys()
    assert len(expected) >= 4
    for key, found in expected.items():
        for name, value in found.items():
            assert actual[key][name] == pytest.approx(value, rel=1e-9), (key, name)


def evaluated_losses(
    oracle: Oracle,
    day: date,
    row: dict,
) -> np.ndarray:
    key = row["model_name"], row["model_version"]
    series = Series(oracle.as_of(day), *key, OVERALL)
    return np.sort(np.concatenate([series.losses(at) for at in series.judged()]))


@pytest.mark.parametrize("weeks_ago", range(7))
def test_percentiles_lie_between_ranks(
    whole_demo: UserProject,
    oracle: Oracle,
    weeks_ago: int,
) -> None:
    day = as_of_dates(oracle, 7)[weeks_ago]
    rows = whole_demo.rows(
        "select * from main.int_log_loss__rule_values_losses"
        " where rule in ('p95_log_loss', 'p99_log_loss') and decided_status is null"
        f" and as_of_date = date '{day}'"
    )
    assert {row["rule"] for row in rows} == {"p95_log_loss", "p99_log_loss"}
    bounded = 0
    for row in rows:
        q = float(row["rule"][1:3]) / 100
        losses = evaluated_losses(oracle, day, row)
        n = len(losses)
        assert row["labeled_count"] == n
        exact = np.quantile(losses, q, method="inverted_cdf")
        assert row["value"] == pytest.approx(exact, rel=0.02)
        if n * (1 - q) < 10 - 1e-9:
            assert row["ci_lower"] is None and row["ci_upper"] is None
            continue
        bounded += 1
        half = stats.norm.isf(0.025) * np.sqrt(n * q * (1 - q))
        lower, upper = int(n * q - half), int(np.ceil(n * q + half)) + 1
        # between these ranks lies the percentile with 95 % at least, or nearly
        assert stats.binom.cdf(upper - 1, n, q) - stats.binom.cdf(lower - 1, n, q) > 0.945
        assert row["ci_lower"] == pytest.approx(losses[lower - 1], rel=0.02)
        if upper <= n:
            assert row["ci_upper"] == pytest.approx(losses[upper - 1], rel=0.02)
        else:
            assert row["ci_upper"] is None
    assert bounded


def test_drift_by_chance(whole_demo: UserProject) -> None:
    """Chi-squared to the accuracy of the cube root, where there are rows enough."""
    rows = whole_demo.rows("select * from main.int_log_loss__drifts")
    assert {row["feature"] for row in rows} == {"(score)", "seats", "carrier"}
    tested = 0
    for row in rows:
        n, m, cells = (
            row[name] for name in ("reference_count", "prediction_count", "cell_count")
        )
        if cells == 1:
            assert row["p_value"] == 1
            continue
        if min(n, m) < 5 * cells:
            assert row["p_value"] is None
            continue
        tested += 1
        exact = stats.chi2.sf(row["psi"] / (1 / n + 1 / m), cells - 1)
        # Postgres has no smaller tail than 1e-300
        within = 0.2 if exact > 1e-3 else 1
        assert exact < 1e-6 or row["p_value"] == pytest.approx(exact, rel=within)
        assert exact >= 1e-6 or row["p_value"] < 1e-5
    assert tested > 100


def test_every_date_has_its_own_drift(whole_demo: UserProject) -> None:
    """One row per date, of the last 7 days with predictions, and none for the quiet."""
    rows = whole_demo.rows(
        "select * from main.int_log_loss__rule_statuses where rule = 'score_drift'"
        " order by model_name, model_version, as_of_date"
    )
    assert len(rows) > 50
    assert {row["cohort_name"] for row in rows} == {"all"}
    for row in rows:
        age = (row["as_of_date"] - row["window_end_date"]).days
        assert 0 <= age < 7
        assert (row["window_end_date"] - row["window_start_date"]).days == 6
    keys = [
        (row["model_name"], row["model_version"], row["as_of_date"]) for row in rows
    ]
    assert all(left < right for left, right in pairwise(keys))


def vanished_and_certain() -> tuple[pd.DataFrame, pd.DataFrame]:
    """From the sixtieth day on no event comes; and scores of 0 and 1 that are guesses."""
    random = np.random.default_rng(4)
    count, asked = 110, 40
    predictions, labels = [], []
    for number in range(count * asked):
        day = pd.Timestamp("2024-01-01") + pd.Timedelta(days=number // asked)
        score = {"vanished": random.beta(2, 6), "certain": float(random.random() < 0.5)}
        for model, p in score.items():
            event = random.random() < (p if model == "vanished" else 0.5)
            if model == "vanished" and number >= 60 * asked:
                event = False
            predictions.append(
                {
                    "request_id": f"r{number}", "model_name": model, "model_version": "v1",
                    "predicted_at": day, "probability": p,
                }
            )  # fmt: skip
            labels.append(
                {
                    "request_id": f"r{number}", "model_name": model,
                    "label": str(int(event)), "labeled_at": day + pd.Timedelta(hours=1),
                }
            )  # fmt: skip
    return pd.DataFrame(predictions), pd.DataFrame(labels)


def slow_positives() -> tuple[pd.DataFrame, pd.DataFrame]:
    """A calibrated model whose positives report five days later than its negatives."""
    random, count, first = np.random.default_rng(4), 300 * 110, date(2024, 1, 1)
    day = np.arange(count) % 110
    score = random.beta(2, 8, count)
    label = (random.random(count) < score).astype(int)
    delay = 1 + np.where(label, random.exponential(5, count), 0)
    asked = pd.Timestamp(first) + pd.to_timedelta(day, unit="D")
    told = asked + pd.to_timedelta(delay, unit="D")
    ids = [f"r{number}" for number in range(count)]
    predictions = pd.DataFrame(
        {"request_id": ids, "model_name": "m", "model_version": "v1",
         "predicted_at": asked, "probability": score}
    )  # fmt: skip
    labels = pd.DataFrame(
        {"request_id": ids, "model_name": "m", "label": label.astype(str),
         "labeled_at": told}
    )  # fmt: skip
    is_known = told < pd.Timestamp(first) + pd.Timedelta(days=110)
    return predictions, labels[is_known]


@pytest.fixture(scope="module")
def odd_models(tmp_path_factory: pytest.TempPathFactory) -> UserProject:
    """All of them on the same 110 days."""
    directory = tmp_path_factory.mktemp("odd_models")
    project = UserProject(directory / "warehouse.duckdb", directory / "target")
    for append, (predictions, labels) in enumerate(
        [vanished_and_certain(), slow_positives()]
    ):
        project.load("predictions", predictions, PREDICTION_COLUMNS, bool(append))
        project.load("labels", labels, LABEL_COLUMNS, bool(append))
    project.run("--select", "+int_log_loss__rule_statuses", "+log_loss_threshold_status")
    return project


def test_what_never_comes_and_what_was_certain_is_found(
    odd_models: UserProject,
) -> None:
    """Of hundreds of events none; of scores of 0 and 1 half are wrong: both are proof."""
    status = {
        (row["rule"], row["model_name"]): row
        for row in odd_models.rows(
            "select * from main.log_loss_threshold_status "
            "where rule in ('calibration_gap', 'event_share_shift')"
        )
    }
    assert status["event_share_shift", "vanished"]["status"] == "warn"
    assert status["event_share_shift", "vanished"]["value"] == pytest.approx(-1)
    gap = status["calibration_gap", "certain"]
    assert gap["status"] == "warn"
    # nothing was promised, which counts as a hundredth of a nat a row
    wrong = -np.log(1e-15) / 2
    assert gap["value"] == pytest.approx(wrong / 0.01, rel=0.1)


def test_positives_that_report_later_are_no_miscalibration(
    odd_models: UserProject,
) -> None:
    statuses = odd_models.rows(
        "select rule, status, value, p_value from main.int_log_loss__rule_statuses"
        " where rule in ('calibration_gap', 'event_share_shift')"
        " and status <> 'immature' and model_name = 'm'"
    )
    tested = [row for row in statuses if row["p_value"] is not None]
    assert {row["rule"] for row in tested} == {"calibration_gap", "event_share_shift"}
    assert len(tested) > 50
    assert {row["status"] for row in tested} == {"ok"}
