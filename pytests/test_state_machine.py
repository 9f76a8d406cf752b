"""Any history of loads, runs, restatements and changed settings ends as a full refresh.

A world is one project in which many histories load side by side, each with models of
its own. After every run all marts equal a direct computation on the rows loaded so far,
which is what a full refresh gives; at the end one is made, and its ledger compared row
by row. Rows come up to the lookback after their load time, in any order, in loads of no
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

import pytest

from harness import LEDGER_ONLY, PROJECT, UserProject, messages
from oracle import usable_load_time, with_usable_times
from strategies import Crowd, Row, crowd, dealt, settings_of_crowds
from test_properties_incremental import (
    NOW,
    arrival,
    check_marts,
    check_same_ledger,
    ledger,
)

PACKAGE = Path(__file__).parent.parent
HISTORIES = int(os.environ.get("LOG_LOSS_HISTORIES", "240"))
HISTORIES_OF_A_WORLD = 60
# fewer would not have every setting
WORLDS = max(4, -(-HISTORIES // HISTORIES_OF_A_WORLD))
DAYS = (0, 1, 1, 2, 5)
COHORTS = {(): ["region"], ("region",): ["region", "device"]}


def load_date(row: Row) -> date | None:
    event_time = "predicted_at" if "predicted_at" in row else "labeled_at"
    loaded_at = usable_load_time(with_usable_times(row), event_time, NOW)
    return loaded_at and loaded_at.date()


class World:
    """What a warehouse may see; the last run made is checked at once."""

    def __init__(self, histories: Crowd, project: UserProject, random: Random):
        self.random = random
        self.variables = histories.variables
        self.project = project
        lookback_days = self.variables["log_loss_lookback_days"]
        # the latest that rows of a history come is its own
        self.to_come = sorted(
            [
                (arrival(row, time, number % (lookback_days + 1), random), table, row)
                for number, member in enumerate(histories.members)
                for table, time, rows in zip(
                    ("predictions", "labels"),
                    ("predicted_at", "labeled_at"),
                    member,
                    strict=True,
                )
                for row in rows
            ],
            key=lambda entry: entry[0],
        )
        self.seen = replace(histories, members=[]).data
        self.seen.load_into(project)

    # ------------------------------------------------------------------ loads

    def load(self, days: int) -> None:
        """All that arrives until so many days after what arrives next."""
        if not self.to_come:
            return
        until: date = self.to_come[0][0] + timedelta(days)
        arrived = [entry for entry in self.to_come if entry[0] < until]
        self.to_come = self.to_come[len(arrived) :]
        new = replace(
            self.seen,
            predictions=[row for _, table, row in arrived if table == "predictions"],
            labels=[row for _, table, row in arrived if table == "labels"],
        ).with_the_columns_of_its_tables()
        new.load_into(self.project, append=True)
        self.seen = replace(
            self.seen,
            predictions=self.seen.predictions + new.predictions,
            labels=self.seen.labels + new.labels,
        )

    # ------------------------------------------------------------------ runs

    def run_with(self, *arguments: str, **variables: object) -> None:
        self.project.variables = {**self.variables, **variables}
        self.project.run(*LEDGER_ONLY, *arguments)
        check_marts(self.project, replace(self.seen, variables=self.variables))

    def load_again_and_run(self) -> None:
        self.load(self.random.choice(DAYS))
        self.run_with()

    def run_twice(self) -> None:
        self.run_with()
        before = ledger(self.project)
        self.run_with()
        check_same_ledger(ledger(self.project), before)

    def full_refresh(self) -> None:
        self.run_with("--full-refresh")

    def reprocess(self) -> None:
        from_date = date(2024, 2, 25) + timedelta(self.random.randint(0, 20))
        self.run_with(log_loss_reprocess_from=from_date.isoformat())

    def delete_days(self) -> None:
        """Sources should not shrink; a restatement from that day makes up for it.

        One day is gone, and of another one request in two.
        """
        rows = self.seen.predictions + self.seen.labels
        days = sorted({load_date(row) for row in rows} - {None})
        gone, thinned = self.random.sample(days, 2)

        def is_kept(row: Row) -> bool:
            if load_date(row) == thinned:
                return str(row["request_id"]).endswith(tuple("02468"))
            return load_date(row) != gone

        self.seen = replace(
            self.seen,
            predictions=[row for row in self.seen.predictions if is_kept(row)],
            labels=[row for row in self.seen.labels if is_kept(row)],
        )
        self.seen.load_into(self.project)
        self.run_with(log_loss_reprocess_from=min(gone, thinned).isoformat())

    # ------------------------------------------------------------------ settings

    def change_settings(self) -> None:
        """Sums made under two settings are never mixed: refused, or all made anew."""
        epsilon = 1e-9 if self.variables["log_loss_epsilon"] != 1e-9 else 1e-15
        changes = {"log_loss_epsilon": epsilon}
        cohorts = tuple(self.variables["log_loss_cohorts"])
        if cohorts in COHORTS:
            changes["log_loss_cohorts"] = COHORTS[cohorts]
        for variable, value in changes.items():
            self.project.variables = {**self.variables, variable: value}
            refused = self.project.invoke("run", "--select", "int_log_loss__ledger")
            assert not refused.success, f"{variable} was changed silently"
            assert variable in "\n".join(messages(refused))
        if self.random.random() < 0.5:
            variable = self.random.choice(list(changes))
            self.variables = {**self.variables, variable: changes[variable]}
            self.run_with("--full-refresh")
        else:
            self.run_with()

    # ------------------------------------------------------------------ a whole life

    def play(self, *operations: Callable[[World], None]) -> None:
        """A run on the first days, these after more of them, and the rest at the end."""
        self.load(3)
        self.run_with()
        for operation in operations:
            self.load(self.random.choice(DAYS))
            operation(self)
        self.load(30)
        self.run_with()
        incremental = ledger(self.project)
        self.run_with("--full-refresh")
        check_same_ledger(incremental, ledger(self.project))


OPERATIONS = [
    World.load_again_and_run,
    World.run_twice,
    World.full_refresh,
    World.reprocess,
    World.delete_days,
    World.change_settings,
]


def settings_of_worlds() -> list[dict]:
    """What each crowd is made with; between them every value of every setting."""
    random = Random(2)
    lookbacks = dealt((0, 1, 3), WORLDS, random)
    are_declared = dealt((True, False), WORLDS, random)
    have_loaded_at = dealt((True, True, True, False), WORLDS, random)
    return [
        {
            "variables": {**variables, "log_loss_lookback_days": lookback_days},
            "is_declared": is_declared,
            "has_loaded_at": has_loaded_at,
        }
        for variables, lookback_days, is_declared, has_loaded_at in zip(
            settings_of_crowds(WORLDS, random),
            lookbacks,
            are_declared,
            have_loaded_at,
            strict=True,
        )
    ]


@pytest.mark.parametrize("number", range(WORLDS))
def test_every_history_ends_as_a_full_refresh(number: int, tmp_path: Path) -> None:
    """Every world sees everything that may happen, in an order of its own."""
    random = Random(number)
    settings = settings_of_worlds()[number]
    histories = crowd(HISTORIES_OF_A_WORLD, random, sizes=tuple(range(8, 21)), **settings)
    project = UserProject(tmp_path / "warehouse.duckdb", tmp_path / "target")
    operations = random.sample(OPERATIONS, len(OPERATIONS))
    World(histories, project, random).play(*operations)


# ------------------------------------------------------------------ broken variants


def without_lookback(package: Path) -> None:
    """Rebuild the last processed date alone, whatever comes late."""
    change_file(
        package / "macros/internal/ledger.sql", "-settings.lookback_days", "0"
    )


def without_markers(package: Path) -> None:
    """Replace only the partitions that still have rows."""
    change_file(
        package / "models/intermediate/ledger/int_log_loss__ledger.sql",
        "from {{ this }}\n    where\n",
        "from {{ this }}\n    where\n        1 = 0 and\n",
    )


def without_touched_history(package: Path) -> None:
    """Read only the new rows of a request, and not all of them."""
    change_file(
        package / "macros/internal/scored_history.sql",
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
    """Histories that cannot fail would prove nothing."""
    copy = tmp_path / "project"
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns("dbt_packages"))
    package = copy / "dbt_packages" / "log_loss"
    package.mkdir(parents=True)
    for part in ("macros", "models", "tests", "seeds"):
        shutil.copytree(PACKAGE / part, package / part)
    shutil.copy(PACKAGE / "dbt_project.yml", package)
    break_it(package)
    random = Random(0)
    variables = {
        **settings_of_crowds(3, random)[0],
        "log_loss_lookback_days": 3,
    }
    histories = crowd(
        30, random, variables, (8, 14, 20), is_declared=False, has_loaded_at=True
    )
    project = UserProject(
        tmp_path / "warehouse.duckdb", tmp_path / "target", project=copy
    )
    with pytest.raises(AssertionError, match="differences, the first of them"):
        World(histories, project, random).play(World.delete_days)
