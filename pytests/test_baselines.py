"""What is judged against a baseline, beside an implementation with NumPy and SciPy."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest
from scipy import stats

from harness import UserProject
from oracle import Oracle, fail_on, labeled
from oracle_decisions import (
    Series,
    comparison,
    comparisons,
    ending_windows,
    as_of_dates,
    trend,
    unlabeled_shares,
)


def is_near(actual: object, expected: object) -> bool:
    if isinstance(expected, str):
        return actual == expected
    return actual == pytest.approx(expected, rel=1e-9, abs=1e-12)


KEY = ("model_name", "model_version", "cohort_name", "cohort_value", "label")


@pytest.mark.parametrize("weeks_ago", range(7))
def test_windows_and_baselines_are_scipys(
    whole_demo: UserProject,
    oracle: Oracle,
    weeks_ago: int,
) -> None:
    """As known on a date of the past: the rows recorded since do not count."""
    day = as_of_dates(oracle, 7)[weeks_ago]
    expected = dict(comparisons(oracle, day))
    assert len(expected) > 10
    check(judged(whole_demo, "log_loss", day), expected)


@pytest.mark.parametrize("weeks_ago", range(0, 7, 2))
def test_unlabeled_shares_are_scipys(
    whole_demo: UserProject,
    oracle: Oracle,
    weeks_ago: int,
) -> None:
    day = as_of_dates(oracle, 7)[weeks_ago]
    # without any spread a z is infinite here, and null there
    expected = {
        key: {name: value for name, value in found.items() if not is_infinite(value)}
        for key, found in unlabeled_shares(oracle, day)
    }
    assert len(expected) > 10
    check(judged(whole_demo, "unlabeled_share", day), expected)


def is_infinite(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def judged(whole_demo: UserProject, measure: str, day: date) -> dict[tuple, dict]:
    rows = whole_demo.rows(
        "select * from main.int_log_loss__baseline_comparisons"
        f" where measure = '{measure}' and window_name = 'evaluation'"
        f" and as_of_date = date '{day}'"
    )
    return {tuple(row[name] for name in KEY): row for row in rows}


def test_the_least_rise_that_could_be_found(whole_demo: UserProject) -> None:
    """To the accuracy of the t quantile, which is a few percent with few days."""
    rows = whole_demo.rows(
        "select values_.*, comparisons.standard_error, comparisons.degrees_of_freedom,"
        " count(values_.p_value) over ("
        "   partition by values_.rule, values_.as_of_date,"
        "   values_.model_name, values_.model_version) as tests"
        " from main.int_log_loss__rule_statuses as values_"
        " join main.int_log_loss__baseline_comparisons as comparisons"
        " using (as_of_date, model_name, model_version, cohort_name, cohort_value,"
        "   label)"
        " where window_name = 'evaluation' and measure = case rule"
        "   when 'label_coverage_drop' then 'unlabeled_share' else 'log_loss' end"
        " and rule in ('mean_log_loss_increase', 'cohort_log_loss_increase',"
        "   'class_log_loss_increase', 'label_coverage_drop')"
    )
    assert len(rows) > 1000
    for row in rows:
        if row["p_value"] is None:
            assert row["minimum_detectable"] is None
            continue
        level = row["standard_error"] * stats.t.isf(
            0.005 / row["tests"], row["degrees_of_freedom"]
        )
        is_share = row["rule"] == "label_coverage_drop"
        expected = level if is_share else math.expm1(level)
        assert row["minimum_detectable"] == pytest.approx(expected, rel=0.05), row


def test_weighted_losses_are_a_ratio_over_days(
    whole_demo: UserProject,
    oracle: Oracle,
) -> None:
    day = oracle.as_of_date
    snapshot = oracle.as_of(day)
    rows = whole_demo.rows(
        "select * from main.int_log_loss__rule_values_losses"
        f" where rule = 'weighted_log_loss' and as_of_date = date '{day}'"
        " and decided_status is null"
    )
    assert rows
    for row in rows:
        key = row["model_name"], row["model_version"]
        days = Series(snapshot, *key, ("all", "all")).judged()
        groups = [labeled(snapshot.group((at, *key))) for at in days]
        losses = np.array([sum(r.score.loss * r.prediction.weight for r in g) for g in groups])
        weights = np.array([sum(r.prediction.weight for r in g) for g in groups])
        mean, count = losses.sum() / weights.sum(), len(days)
        error = np.sqrt(
            count / (count - 1) * np.sum((losses - mean * weights) ** 2)
        ) / losses.sum()
        lower = mean * np.exp(-stats.t.isf(0.025, count - 1) * error)
        assert row["value"] == pytest.approx(mean, rel=1e-12)
        assert row["ci_lower"] == pytest.approx(lower, rel=2e-3)
        assert row["is_estimate"]


def check(actual: dict[tuple, dict], expected: dict[tuple, dict]) -> None:
    assert actual.keys() == expected.keys()
    fail_on(
        [
            f"{key} {name}: {actual[key][name]}, not {value}"
            for key, found in expected.items()
            for name, value in found.items()
            if not is_near(actual[key][name], value)
        ]
    )


@pytest.mark.parametrize("weeks_ago", range(7))
def test_burn_rates_are_numpys(
    whole_demo: UserProject,
    oracle: Oracle,
    weeks_ago: int,
) -> None:
    day = as_of_dates(oracle, 7)[weeks_ago]
    expected = {}
    for key, _, window, baseline in ending_windows(oracle, day, (1, 3, 7, 14, 28)):
        if window.days and baseline:
            found = comparison(window, baseline)
            past = found["baseline_mean"]
            allowance = max(0.10 * past, 0.01)
            expected[key] = {
                "mean_value": found["mean_value"],
                "increase": found["increase"],
                "p_value": found["p_value"],
                "target_mean": past + allowance,
                "burn_rate": found["increase"] / allowance,
            }
    rows = whole_demo.rows(
        "select * from main.int_log_loss__baseline_comparisons"
        f" where window_name <> 'evaluation' and as_of_date = date '{day}'"
    )
    names = ("model_name", "model_version", "window_days")
    assert len(expected) >= 10
    check({tuple(row[name] for name in names): row for row in rows}, expected)


@pytest.mark.parametrize("weeks_ago", range(7))
def test_trends_are_scipys(
    whole_demo: UserProject,
    oracle: Oracle,
    weeks_ago: int,
) -> None:
    day = as_of_dates(oracle, 7)[weeks_ago]
    expected = {}
    for key, days, window, _ in ending_windows(oracle, day, (28,)):
        if len(window.days) >= 14:
            found = trend(days, window)
            expected[key[:2]] = {
                "value": found["rise"] / found["mean_log_loss"],
                "increase": found["rise"],
                "p_value": found["p_value"],
            }
    rows = whole_demo.rows(
        "select * from main.int_log_loss__rule_values_comparisons"
        f" where rule = 'log_loss_trend' and as_of_date = date '{day}'"
    )
    assert expected
    check({(row["model_name"], row["model_version"]): row for row in rows}, expected)


def test_the_budget_is_what_was_known_first(whole_demo: UserProject) -> None:
    """Each date's rows are those of the first evaluation that ended with it."""
    rates = whole_demo.rows(
        "select * from main.int_log_loss__baseline_comparisons"
        " where window_name <> 'evaluation' order by as_of_date desc"
    )
    first = {
        (row["window_end_date"], row["model_name"], row["model_version"]): row[
            "as_of_date"
        ]
        for row in rates
    }
    budget = whole_demo.mart_rows("log_loss_error_budget")
    assert len(budget) == 5 * len(first) > 100
    by_window = {}
    for row in budget:
        key = row["metric_date"], row["model_name"], row["model_version"]
        assert row["as_of_date"] == first[key]
        by_window.setdefault(key, {})[row["window_days"]] = row
    for (day, *_), rows in by_window.items():
        remaining = 1 - rows[28]["burn_rate"]
        speed, p_value = rows[7]["burn_rate"], rows[7]["p_value"]
        if remaining <= 0:
            exhausted = day
        elif speed > 1 and p_value < 0.05:
            exhausted = day + timedelta(days=math.ceil(28 * remaining / speed))
        else:
            exhausted = None
        for row in rows.values():
            assert row["budget_remaining"] == pytest.approx(remaining, rel=1e-12)
            assert row["projected_exhaustion_date"] == exhausted
    assert any(row["projected_exhaustion_date"] for row in budget)
