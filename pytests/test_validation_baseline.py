"""Compared with what training measured, beside NumPy and SciPy; a rise only warns."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pytest
from scipy import stats

from harness import (
    UserProject,
    failing_rows,
    outcomes_of,
    scratch_project,
)
from oracle import OVERALL, Oracle
from oracle_decisions import Series, as_of_dates

METRICS = [
    ("flight_late", "v1", " Validation_Log_Loss", 0.30, datetime(2013, 5, 2)),
    # the last one counts, an undated one never and a broken one not at all
    ("flight_late", "v1", "validation_log_loss", 0.20, datetime(2013, 5, 1)),
    ("flight_late", "v1", "validation_log_loss", 0.10, None),
    ("flight_late", "v1", "validation_log_loss", float("nan"), datetime(2013, 5, 3)),
    ("flight_late", "v1", "training_log_loss", 0.05, datetime(2013, 5, 4)),
    ("flight_late", "v2", "validation_log_loss", 0.45, datetime(2013, 5, 2)),
    ("flight_late", "v2", "training_labels_until", 1368446400.0, datetime(2013, 5, 3)),
    # milliseconds
    ("flight_outcome", "v2", "training_labels_until", 1368446400e3, datetime(2013, 5, 3)),
    ("flight_outcome", "v2", "training_log_loss", -0.1, datetime(2013, 5, 3)),
]
KNOWN = {"v1": 0.30, "v2": 0.45}
# the default ones, and one of the ratio to what training measured, which they do not have
LIMITS = """
    select * from {{ ref('log_loss', 'log_loss_default_thresholds') }}
    union all
    select 'validation_log_loss_ratio', '*', '*', '*', '*', 1.2, null, 0, 0
"""


@pytest.fixture(scope="module")
def validated(
    whole_demo: UserProject, tmp_path_factory: pytest.TempPathFactory
) -> UserProject:
    """Thresholds, metrics and a baseline are no part of what the ledger holds."""
    project = scratch_project(
        tmp_path_factory.mktemp("validated"),
        {
            "models/metrics.sql": "select * from raw.metrics",
            "models/limits.sql": LIMITS,
        },
        {
            **whole_demo.variables,
            "log_loss_baseline": "validation",
            "log_loss_training_metrics": "user_project.metrics",
            "log_loss_thresholds": "user_project.limits",
        },
        whole_demo,
    )
    types = {
        "model_name": "varchar",
        "model_version": "varchar",
        "run_id": "varchar",
        "metric_key": "varchar",
        "value": "double",
        "logged_at": "timestamp",
    }
    rows = [
        dict(zip(types, (model, version, None, key, value, at), strict=True))
        for model, version, key, value, at in METRICS
    ]
    project.load_rows("metrics", rows, types)
    project.run(
        "--select",
        "limits+,+int_log_loss__rule_statuses",
        "metrics+,+int_log_loss__rule_statuses",
        "metrics+,+log_loss_training_gap",
        "int_log_loss__clock+,+int_log_loss__rule_statuses",
        "log_loss_training_gap",
        "metrics",
        "limits",
    )
    return project


def test_whole_versions_are_compared_with_it(
    validated: UserProject, oracle: Oracle
) -> None:
    checked = 0
    for day in as_of_dates(oracle, 8):
        rows = validated.rows(
            "select * from main.int_log_loss__baseline_comparisons"
            " where window_name = 'evaluation' and baseline_source = 'validation'"
            f" and as_of_date = date '{day}'"
        )
        for row in rows:
            assert (row["model_name"], row["measure"]) == ("flight_late", "log_loss")
            assert (row["cohort_name"], row["label"]) == OVERALL
            version = row["model_version"]
            series = Series(oracle.as_of(day), "flight_late", version, OVERALL)
            window = series.of(series.judged())
            levels, count = window.day_levels(np.log), len(window.days)
            # a day is taken to be correlated with the next by 0.4
            independent = count * (1 - 0.4) / (1 + 0.4)
            error = np.sqrt(
                max(window.level_variance(np.log), levels.var(ddof=1) / independent)
            )
            rise = window.level(np.log) - np.log(KNOWN[version])
            expected = stats.t.sf(rise / error, max(4, independent - 1))
            if count < 5:
                assert row["p_value"] is None
                continue
            assert row["p_value"] == pytest.approx(expected, rel=1e-7)
            assert row["baseline_mean"] == KNOWN[version]
            checked += 1
    assert checked >= 8


def test_everything_else_keeps_its_own_past(validated: UserProject) -> None:
    sources = {
        (row["measure"], row["cohort_name"] == "all", row["label"] == "all"): row["n"]
        for row in validated.rows(
            "select measure, cohort_name, label, count(*) as n"
            " from main.int_log_loss__baselines where source <> 'validation'"
            " and model_name = 'flight_late' group by all"
        )
    }
    assert {
        ("log_loss", False, True), ("log_loss", True, False),
        ("unlabeled_share", True, True), ("unlabeled_share", False, True),
    } == sources.keys()


def test_a_rise_over_it_warns_and_is_no_error(validated: UserProject) -> None:
    statuses = validated.rows(
        "select distinct rule, status from main.int_log_loss__rule_statuses"
        " where model_name = 'flight_late' and model_version = 'v1'"
        " and rule in ('mean_log_loss_increase', 'fast_burn_rate')"
        " and baseline_value = 0.3"
    )
    found = {(row["rule"], row["status"]) for row in statuses}
    assert {("mean_log_loss_increase", "warn"), ("fast_burn_rate", "warn")} <= found
    assert not any(status == "error" for _, status in found)


def test_metrics_that_cannot_be_are_named(validated: UserProject) -> None:
    name = "assert_training_metrics_are_usable"
    result = validated.invoke("test", "--select", name)
    assert outcomes_of(result)[name] in ("fail", "warn")
    found = failing_rows(validated, result, name)
    assert sorted(found["metric_key"]) == [
        "training_labels_until", "training_log_loss", "validation_log_loss",
    ]  # fmt: skip
    assert found["value"].isna().sum() == 1


def test_the_ratio_to_it(validated: UserProject, oracle: Oracle) -> None:
    """The interval of the mean loss of the evaluated days, over what training measured."""
    rows = validated.rows(
        "select * from main.int_log_loss__rule_statuses"
        " where rule = 'validation_log_loss_ratio'"
    )
    assert {(row["model_name"], row["model_version"]) for row in rows} == {
        ("flight_late", "v1"),
        ("flight_late", "v2"),
    }
    for row in rows[::9]:
        known = KNOWN[row["model_version"]]
        snapshot = oracle.as_of(row["as_of_date"])
        series = Series(snapshot, "flight_late", row["model_version"], OVERALL)
        losses = np.concatenate([series.losses(day) for day in series.judged()])
        assert row["labeled_count"] == len(losses)
        assert row["baseline_value"] == known
        assert row["value"] == pytest.approx(losses.mean() / known, rel=1e-9)
        if row["ci_lower"] is None:
            continue
        error = losses.std(ddof=1) / np.sqrt(len(losses)) / losses.mean()
        lower = row["value"] * np.exp(-stats.norm.isf(0.025) * error)
        assert row["ci_lower"] == pytest.approx(lower, rel=1e-9)
        assert row["evaluated_value"] == row["ci_lower"]
    assert any(row["ci_lower"] is not None for row in rows[::9])


def test_training_beside_production(validated: UserProject, oracle: Oracle) -> None:
    snapshot = oracle.as_of(oracle.as_of_date)
    rows = validated.mart_rows("log_loss_training_gap")
    found = {(row["model_name"], row["model_version"]): row for row in rows}
    assert len(found) == 4
    for (model, version), row in found.items():
        series = Series(snapshot, model, version, OVERALL)
        days = [day for day in series.days() if series.is_mature(day)]
        losses = np.concatenate([series.losses(day) for day in days])
        mean, error = losses.mean(), losses.std(ddof=1) / np.sqrt(len(losses))
        assert row["first_prediction_date"] == series.days()[0] == row["deployed_on"]
        assert row["mature_day_count"] == len(days)
        assert row["labeled_count"] == len(losses)
        assert row["mean_log_loss"] == pytest.approx(mean, rel=1e-9)
        upper = mean * np.exp(stats.norm.isf(0.025) * error / mean)
        assert row["log_loss_ci_upper"] == pytest.approx(upper, rel=1e-9)
        known = KNOWN.get(version) if model == "flight_late" else None
        assert row["validation_log_loss"] == known
        if known is None:
            assert row["production_gap"] is None
            continue
        assert row["production_gap"] == pytest.approx(mean - known, rel=1e-9)
        assert row["relative_production_gap"] == pytest.approx(mean / known - 1, rel=1e-9)
    first, second = found["flight_late", "v1"], found["flight_late", "v2"]
    assert first["generalization_gap"] == pytest.approx(0.30 - 0.05)
    assert second["generalization_gap"] is None
    assert first["trained_on"] == date(2013, 5, 4)
    # 1368446400 is noon of 13 May 2013
    deployed = second["deployed_on"] - date(2013, 5, 13)
    assert second["retrain_lag_days"] == deployed.days
    assert first["retrain_lag_days"] is None
