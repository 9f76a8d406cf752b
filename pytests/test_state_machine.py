"""Any history of loads, runs, restatements and changed settings ends as a full refresh.

After every run all marts equal a direct computation on the rows loaded so far, which
is what a full refresh gives; at the end one is made, and its roll-up compared row by
row. Rows come up to the lookback after their load time, in any order, in loads of no
day or of several; runs come in between, or do not.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import ClassVar

import pytest
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest
from hypothesis import HealthCheck, Phase, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from harness import PROJECT, UserProject, messages
from oracle import usable_load_time, with_usable_times
from strategies import DataSet, Row, data_sets
from test_properties_incremental import (
    NOW,
    arrival,
    check_marts,
    check_same_rollup,
    rollup,
)

PACKAGE = Path(__file__).parent.parent
EXAMPLES = int(os.environ.get("LOG_LOSS_HISTORIES", "24"))
PARTS = 4
# no history is kept in these, and every run would make them
UNREAD = [
    "log_loss_scored_predictions",
    "tag:log_loss_decisions",
    "tag:log_loss_diagnosis",
    "stg_log_loss__thresholds",
    "stg_log_loss__suppressions",
    "stg_log_loss__deployments",
    "stg_log_loss__training_metrics+",
    "log_loss_default_thresholds",
    "log_loss_default_suppressions",
    "log_loss_default_deployments",
    "log_loss_default_training_metrics",
]
DAYS = st.sampled_from([0, 1, 1, 2, 5])
COHORTS = {(): ["region"], ("region",): ["region", "device"]}


def load_date(row: Row) -> date | None:
    event_time = "predicted_at" if "predicted_at" in row else "labeled_at"
    loaded_at = usable_load_time(with_usable_times(row), event_time, NOW)
    return loaded_at and loaded_at.date()


class ParsedProject(UserProject):
    """Parsed once for all settings: parsing takes longer than a run on these rows.

    The name of the database is in what was parsed, so all of them have the same.
    """

    _parsed: ClassVar[dict[Path, Manifest]] = {}

    def invoke(self, *arguments: str) -> dbtRunnerResult:
        if self.project not in self._parsed:
            self._parsed[self.project] = super().invoke("parse").result
        return self._invoke(dbtRunner(self._parsed[self.project]), *arguments)


class Histories(RuleBasedStateMachine):
    """What a warehouse may see; the last run made is checked at once."""

    project_path: Path = PROJECT
    target_path: Path
    lookbacks: tuple[int, ...] = (0, 1, 3)

    @initialize(
        data=data_sets(min_requests=8, max_requests=20),
        lookback=st.integers(0, 99),
        arrivals_seed=st.integers(0, 2**32 - 1),
    )
    def start(self, data: DataSet, lookback: int, arrivals_seed: int) -> None:
        lookback_days = self.lookbacks[lookback % len(self.lookbacks)]
        self.directory = TemporaryDirectory()
        self.variables = {
            **data.variables,
            "log_loss_as_of_date": None,
            "log_loss_lookback_days": lookback_days,
        }
        self.project = ParsedProject(
            Path(self.directory.name) / "warehouse.duckdb",
            self.target_path,
            self.variables,
            self.project_path,
        )
        random = Random(arrivals_seed)
        self.to_come = sorted(
            [
                (arrival(row, time, lookback_days, random), table, number)
                for table, time in (
                    ("predictions", "predicted_at"),
                    ("labels", "labeled_at"),
                )
                for number, row in enumerate(getattr(data, table))
            ]
        )
        self.data = data
        self.seen = replace(data, predictions=[], labels=[], variables=self.variables)
        self.seen.load_into(self.project)
        self.load(3)
        self.run_with()

    # ------------------------------------------------------------------ loads

    @rule(days=DAYS)
    def only_load(self, days: int) -> None:
        self.load(days)

    def load(self, days: int) -> None:
        """All that arrives until so many days after what arrives next."""
        if not self.to_come:
            return
        until: date = self.to_come[0][0] + timedelta(days)
        arrived = [entry for entry in self.to_come if entry[0] < until]
        self.to_come = self.to_come[len(arrived) :]
        self.add(
            self.rows("predictions", arrived),
            self.rows("labels", arrived),
        )

    def rows(self, table: str, arrived: list[tuple]) -> list[Row]:
        return [getattr(self.data, name)[n] for _, name, n in arrived if name == table]

    def add(self, predictions: list[Row], labels: list[Row]) -> None:
        note(f"{len(predictions)} predictions and {len(labels)} labels")
        replace(self.seen, predictions=predictions, labels=labels).load_into(
            self.project, append=True
        )
        self.seen = replace(
            self.seen,
            predictions=self.seen.predictions + predictions,
            labels=self.seen.labels + labels,
        )

    # ------------------------------------------------------------------ runs

    def run_with(self, *arguments: str, **variables: object) -> None:
        self.project.variables = {**self.variables, **variables}
        self.project.run("--exclude", *UNREAD, *arguments)
        check_marts(self.project, replace(self.seen, variables=self.variables))

    @rule(days=DAYS)
    def run(self, days: int) -> None:
        self.load(days)
        self.run_with()

    @rule(days=DAYS)
    def run_twice(self, days: int) -> None:
        self.load(days)
        self.run_with()
        before = rollup(self.project)
        self.run_with()
        check_same_rollup(rollup(self.project), before)

    @rule(days=DAYS)
    def full_refresh(self, days: int) -> None:
        self.load(days)
        self.run_with("--full-refresh")

    @rule(days=DAYS, day=st.integers(0, 20))
    def reprocess(self, days: int, day: int) -> None:
        self.load(days)
        from_date = (date(2024, 2, 25) + timedelta(day)).isoformat()
        self.run_with(log_loss_reprocess_from=from_date)

    @rule(choice=st.integers(0, 99))
    def delete_a_day(self, choice: int) -> None:
        """Sources should not shrink; a restatement from that day makes up for it."""
        days = sorted({*map(load_date, self.seen.predictions + self.seen.labels)} - {None})
        if not days:
            return
        day = days[choice % len(days)]
        self.seen = replace(
            self.seen,
            predictions=[r for r in self.seen.predictions if load_date(r) != day],
            labels=[r for r in self.seen.labels if load_date(r) != day],
        )
        self.seen.load_into(self.project)
        self.run_with(log_loss_reprocess_from=day.isoformat())

    # ------------------------------------------------------------------ settings

    @rule(is_restated=st.booleans())
    def change_epsilon(self, is_restated: bool) -> None:
        epsilon = 1e-9 if self.variables["log_loss_epsilon"] != 1e-9 else 1e-15
        self.change("log_loss_epsilon", epsilon, is_restated)

    @precondition(lambda self: tuple(self.variables["log_loss_cohorts"]) in COHORTS)
    @rule(is_restated=st.booleans())
    def add_a_cohort(self, is_restated: bool) -> None:
        cohorts = COHORTS[tuple(self.variables["log_loss_cohorts"])]
        self.change("log_loss_cohorts", cohorts, is_restated)

    def change(self, variable: str, value: object, is_restated: bool) -> None:
        """Sums made under two settings are never mixed: refused, or all made anew."""
        self.project.variables = {**self.variables, variable: value}
        refused = self.project.invoke("run", "--select", "int_log_loss__rollup")
        assert not refused.success, f"{variable} was changed silently"
        assert variable in "\n".join(messages(refused))
        if is_restated:
            self.variables = {**self.variables, variable: value}
            self.run_with("--full-refresh")

    # ------------------------------------------------------------------ the end

    def teardown(self) -> None:
        if not hasattr(self, "directory"):
            return
        with self.directory:
            self.load(30)
            self.run_with()
            incremental = rollup(self.project)
            self.run_with("--full-refresh")
            check_same_rollup(incremental, rollup(self.project))


def check(machine: type[Histories], number: int, examples: int) -> None:
    run_state_machine_as_test(
        seed(number)(machine),
        settings=settings(
            max_examples=examples,
            stateful_step_count=5,
            derandomize=False,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            # shrinking would run dbt for an hour; the differences name the rows
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("part", range(PARTS))
def test_every_history_ends_as_a_full_refresh(part: int, tmp_path: Path) -> None:
    class Part(Histories):
        target_path = tmp_path / "target"

    check(Part, part, -(-EXAMPLES // PARTS))


# ------------------------------------------------------------------ broken variants


def without_lookback(package: Path) -> None:
    """Rebuild the last processed date alone, whatever comes late."""
    change_file(
        package / "macros/internal/rollup.sql", "-settings.lookback_days", "0"
    )


def without_markers(package: Path) -> None:
    """Replace only the partitions that still have rows."""
    change_file(
        package / "models/intermediate/ledger/int_log_loss__rollup.sql",
        "from {{ this }}\n    where\n",
        "from {{ this }}\n    where\n        1 = 0 and\n",
    )


def without_touched_history(package: Path) -> None:
    """Read only the new rows of a request, and not all of them."""
    change_file(
        package / "macros/internal/ledger.sql",
        "            and staged.model_name = {{ touched }}.model_name\n",
        "            and staged.model_name = {{ touched }}.model_name\n"
        "            and staged.recorded_date >= date '2024-03-01'\n",
    )


def change_file(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, f"{path.name} no longer has {old!r} once"
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    "break_it", [without_lookback, without_markers, without_touched_history]
)
def test_a_broken_package_is_caught(
    break_it: Callable[[Path], None], tmp_path: Path
) -> None:
    """Histories that cannot fail would prove nothing.

    Which ones are drawn changes with any line of this code, so that they may be many;
    rows come late in all of them, and one of the first dozen fails.
    """
    project = tmp_path / "project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("dbt_packages"))
    package = project / "dbt_packages" / "log_loss"
    package.mkdir(parents=True)
    for part in ("macros", "models", "tests", "seeds"):
        shutil.copytree(PACKAGE / part, package / part)
    shutil.copy(PACKAGE / "dbt_project.yml", package)
    break_it(package)

    class Broken(Histories):
        project_path = project
        target_path = tmp_path / "target"
        lookbacks = (3,)

    with pytest.raises(AssertionError, match="differences, the first of them"):
        check(Broken, 0, 100)
