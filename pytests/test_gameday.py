"""What the game day must show: each failure is told in time, about whom, and how loud."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

import gameday
from gameday import FAILURES, START

ROOT = Path(__file__).parents[1]

# what later labels and later days change about an alert
REVISABLE = {"value_now", "is_revised", "last_alert_date", "is_current"}
# When the package runs, in days after the failures; by itself the game day runs daily.
# An alert is a function of what was known on its date, so that further runs change
# nothing. `test_an_alert_stays_as_it_was_raised` holds this, and would see labels of later
# days in the alerts of a run. Two pairs of days are consecutive, at the failures and at
# the relabeling; the gaps are longer than the lookback of three days.
DAYS = (0, 1, 10, 11, 20)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gameday") / "gameday.duckdb"


@pytest.fixture(scope="module")
def alerts(database: Path) -> list[dict]:
    year = ROOT / "data"
    if not (year / "predictions.parquet").exists():
        year = database.parent
        command = [sys.executable, ROOT / "scripts/make_demo_data.py", "--year", year]
        subprocess.run([str(part) for part in command], check=True)
    return gameday.play(year, database, DAYS)


@pytest.mark.parametrize(
    ("failure", "number"),
    [
        pytest.param(failure.name, number, id=f"{failure.name}-{expected.rule}")
        for failure in FAILURES
        for number, expected in enumerate(failure.expected)
    ],
)
def test_a_failure_is_found(alerts: list[dict], failure: str, number: int) -> None:
    outcomes = gameday.outcomes_of(alerts)
    outcome = [o for o in outcomes if o.failure.name == failure][number]
    assert outcome.first is not None, "\n".join(gameday.table(outcomes))
    assert outcome.days <= outcome.expected.days
    named = outcome.first["top_cohorts"]
    if outcome.expected.comes_from:
        assert named.startswith(f"{outcome.expected.comes_from} ")
    assert outcome.first["runbook"] == f"docs/runbooks/{outcome.expected.rule}.md"
    assert (ROOT / outcome.first["runbook"]).exists()


def test_nobody_is_told_before_anything_is_wrong(alerts: list[dict]) -> None:
    told = [a for a in alerts if not a["is_suppressed"]]
    assert [a["dedupe_key"] for a in told if a["alert_date"] < START] == []
    assert [a["dedupe_key"] for a in told if a["model_name"] == "quiet"] == []


def test_only_what_should_wake_somebody_does(alerts: list[dict]) -> None:
    """A failure whose alerts are tickets pages nobody; relabelling moves the loss itself."""
    paging = {
        a["model_name"]
        for a in alerts
        if a["severity"] == "page" and not a["is_suppressed"]
    }
    loud = {
        failure.name
        for failure in FAILURES
        if not failure.is_suppressed
        and any(expected.severity == "page" for expected in failure.expected)
    }
    assert paging == loud | {"relabeled_week"}


def test_announced_weeks_are_silent_and_say_why(alerts: list[dict]) -> None:
    own = [a for a in alerts if a["model_name"] == "planned_retrain"]
    own = [a for a in own if START <= a["alert_date"] <= date(2013, 11, 24)]
    assert {a["severity"] for a in own} == {"page", "ticket"}
    assert all(a["is_suppressed"] for a in own)
    reasons = {a["suppression_reason"] for a in own}
    assert "suppressed: planned retrain" in reasons


def test_copies_change_nothing_but_their_own_count(alerts: list[dict]) -> None:
    def told(model: str) -> set[tuple]:
        return {
            (a["alert_date"], a["rule"], a["cohort_value"], a["label"], a["value"])
            for a in alerts
            if a["model_name"] == model and a["rule"] != "duplicate_share"
        }

    assert told("duplicated_logs") == told("quiet")


def test_an_alert_stays_as_it_was_raised(alerts: list[dict], database: Path) -> None:
    """The mart of the last day holds every alert of the days before, as it was."""
    last = max(alert["alert_date"] for alert in alerts)

    def keyed(rows: list[dict]) -> dict[tuple, dict]:
        names = (
            "alert_date", "rule", "model_name", "model_version", "cohort_name",
            "cohort_value", "label",
        )
        return {tuple(row[name] for name in names): row for row in rows}

    then, now = keyed(alerts), keyed(gameday.alerts_of(database, START, last))
    assert now
    for key, row in now.items():
        for name, value in row.items():
            if name in REVISABLE:
                continue
            if isinstance(value, float):
                value = pytest.approx(value, rel=1e-9, abs=1e-12)
            assert then[key][name] == value, (key, name)
    assert [key for key in then if key[0] > START and key not in now] == []
    moved = [
        key
        for key, row in now.items()
        if row["value_now"] is not None and abs(row["value_now"] - row["value"]) > 1e-6
    ]
    assert len(moved) > 50, "hardly a label of these weeks came after an alert"
