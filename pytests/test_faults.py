"""Runs that are killed, run into each other or cannot write, and sources that change.

Real processes: each of these runs is a dbt of its own on a warehouse file.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import duckdb
import pandas as pd
import pytest

from harness import (
    LABEL_COLUMNS,
    LEDGER_ONLY,
    PREDICTION_COLUMNS,
    UserProject,
    copy_database,
    messages,
    scratch_project,
)
from oracle import GRAINS
from test_properties_incremental import check_same_ledger, ledger

DBT = Path(sys.executable).with_name("dbt")
KILLS = int(os.environ.get("LOG_LOSS_KILLS", "4"))
# so many of them are of the whole package, the others of the ledger, whose entries stay
WHOLE_KILLS = 2
# enough rows that a run has moments to be killed in
REQUESTS_A_DAY = 4000
DAYS = 20
ROOM = 3_000_000
STARTED = "Began running node"
# a query that lasts until the test lets it go on
WAITS = """
{{ config(materialized='table') }}
select *
from read_csv('%s', columns={'number': 'int'}, header=false, auto_detect=false)
"""


@dataclass
class Process:
    """A dbt in a process of its own; its output is in `log`."""

    process: subprocess.Popen
    log: Path

    def output(self) -> str:
        return self.log.read_text()

    def wait_until_it_builds(self, timeout: float = 120) -> None:
        end = time.monotonic() + timeout
        while STARTED not in self.output() and self.process.poll() is None:
            assert time.monotonic() < end, self.output()
            time.sleep(0.005)

    def exit_code(self) -> int:
        return self.process.wait(timeout=300)


def start(
    project: UserProject, *arguments: str, preexec: Callable | None = None
) -> Process:
    log = project.path.with_suffix(f".{time.monotonic_ns()}.log")
    with log.open("w") as output:
        process = subprocess.Popen(
            [DBT, "--no-use-colors", "--debug", "run", *arguments]
            + ["--project-dir", project.project, "--profiles-dir", project.project]
            + ["--target-path", project.path.parent / "target"]
            + ["--log-path", project.path.parent / "logs"],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LOG_LOSS_TEST_PATH": str(project.path)},
            preexec_fn=preexec,
        )
    return Process(process, log)


def add_days(project: UserProject, first: int, last: int) -> None:
    """Synthetic days; a label the day after its prediction, one in fifty revised."""
    with duckdb.connect(str(project.path)) as connection:
        connection.execute(
            f"""
            create schema if not exists raw;
            create table if not exists raw.predictions (
                {", ".join(f"{n} {t}" for n, t in PREDICTION_COLUMNS.items())}
            );
            create table if not exists raw.labels (
                {", ".join(f"{n} {t}" for n, t in LABEL_COLUMNS.items())}
            );
            create or replace temp table requests as
            select
                day || '-' || number as request_id,
                'm' as model_name,
                'v' || (number % 2) as model_version,
                timestamp '2024-01-01' + to_days(day::int) + to_seconds(number)
                    as predicted_at,
                hash(day, number) % 1000 / 1000 as probability
            from range({first}, {last} + 1) as days(day),
                range({REQUESTS_A_DAY}) as numbers(number);
            insert into raw.predictions select * from requests;
            insert into raw.labels
            select request_id, model_name, (hash(request_id) % 2)::varchar,
                predicted_at + interval 1 day
            from requests
            union all
            select request_id, model_name, '1', predicted_at + interval 2 day
            from requests
            where hash(request_id, 1) % 50 = 0;
            """
        )


def kept(project: UserProject, directory: Path) -> UserProject:
    """The same warehouse elsewhere, to be read; its file's name is the catalog's name."""
    directory.mkdir()
    copy_database(project.path, directory)
    return replace(project, path=directory / project.path.name)


def put_back(base: UserProject) -> UserProject:
    """The warehouse where it was built: with another path dbt would parse anew."""
    project = replace(base, path=base.target_path.parent / base.path.name)
    project.path.with_name(f"{project.path.name}.wal").unlink(missing_ok=True)
    shutil.copy(base.path, project.path)
    return project


def marts(project: UserProject) -> dict[str, pd.DataFrame]:
    return {
        name: project.mart(name).sort_values(
            ["metric_date", "model_name", "model_version", *grain], ignore_index=True
        )
        for name, grain in GRAINS.items()
    }


def check_same_marts(
    actual: dict[str, pd.DataFrame], expected: dict[str, pd.DataFrame]
) -> None:
    for name, rows in expected.items():
        pd.testing.assert_frame_equal(actual[name], rows, check_exact=False, rtol=1e-12)


def check_same(actual: UserProject, expected: UserProject) -> None:
    check_same_ledger(ledger(actual), ledger(expected))
    check_same_marts(marts(actual), marts(expected))


def left_over_relations(project: UserProject) -> list[str]:
    names = project.query("select table_name from information_schema.tables")
    return [name for name in names["table_name"] if "__dbt_" in name]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> UserProject:
    """Built on all days but the last, which waits in the sources."""
    directory = tmp_path_factory.mktemp("base")
    project = UserProject(directory / "warehouse.duckdb", directory / "target")
    add_days(project, 0, DAYS - 2)
    assert start(project).exit_code() == 0
    add_days(project, DAYS - 1, DAYS - 1)
    return kept(project, directory / "kept")


@pytest.fixture(scope="module")
def undisturbed(
    base: UserProject, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple, tuple[UserProject, float]]:
    """What there is in the end, and after how many seconds, by the arguments of the run."""
    found = {}
    for arguments in ((), LEDGER_ONLY):
        project = put_back(base)
        process = start(project, *arguments)
        process.wait_until_it_builds()
        started = time.monotonic()
        assert process.exit_code() == 0
        seconds = time.monotonic() - started
        directory = tmp_path_factory.mktemp("undisturbed") / "kept"
        found[arguments] = kept(project, directory), seconds
    return found


# ------------------------------------------------------------------ killed runs


@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_run_is_made_good_by_the_next(
    number: int,
    base: UserProject,
    undisturbed: dict[tuple, tuple[UserProject, float]],
) -> None:
    """Killed at a random moment between its first node and its end."""
    arguments = () if number < WHOLE_KILLS else LEDGER_ONLY
    expected, seconds = undisturbed[arguments]
    if number < WHOLE_KILLS:
        span, place = WHOLE_KILLS, number
    else:
        span, place = KILLS - WHOLE_KILLS, number - WHOLE_KILLS
    moment = Random(number).uniform(place, place + 1) / span * seconds
    exit_code = 0
    # a run that was through by then was faster than the one that was timed
    while exit_code == 0:
        project = put_back(base)
        process = start(project, *arguments)
        process.wait_until_it_builds()
        time.sleep(moment)
        process.process.send_signal(signal.SIGKILL)
        exit_code = process.exit_code()
        moment /= 2
    assert exit_code == -signal.SIGKILL
    # what is there can be read, before anything is done about it
    assert len(project.mart("log_loss_daily"))
    project.run(*arguments)
    check_same(project, expected)
    assert not left_over_relations(project)


# ------------------------------------------------------------------ two runs at once


def test_of_two_runs_at_once_one_says_why_it_stops(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    project = scratch_project(tmp_path, {"models/waits.sql": WAITS % gate})
    add_days(project, 0, 2)
    first = start(project, *LEDGER_ONLY)
    first.wait_until_it_builds()
    second = start(project, *LEDGER_ONLY)
    assert second.exit_code() != 0
    assert "Could not set lock on file" in second.output()
    assert first.process.poll() is None, "the second came too late to be at once"
    gate.write_text("1")
    assert first.exit_code() == 0
    after = ledger(project)
    project.full_refresh(*LEDGER_ONLY, "waits")
    check_same_ledger(after, ledger(project))


# ------------------------------------------------------------------ no room to write


def test_a_run_that_cannot_write_leaves_the_last_good_state(
    base: UserProject, undisturbed: dict[tuple, tuple[UserProject, float]]
) -> None:
    """As on a full disk: what dbt writes for itself fits, the ledger does not."""
    project = put_back(base)
    before = marts(project)

    def no_more_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))

    process = start(project, "--full-refresh", preexec=no_more_room)
    assert process.exit_code() != 0
    assert "File too large" in process.output()
    check_same_marts(marts(project), before)
    project.run(*LEDGER_ONLY)
    check_same(project, undisturbed[()][0])


# ------------------------------------------------------------------ changed sources


def test_text_that_is_no_number_or_time_is_rejected_and_counted(
    tmp_path: Path,
) -> None:
    """A column that turned to text is read as far as it can be."""
    project = UserProject(tmp_path / "warehouse.duckdb", tmp_path / "target")
    add_days(project, 0, 2)
    project.run(*LEDGER_ONLY)
    before = marts(project)
    project.query(
        """
        alter table raw.predictions alter probability type varchar;
        alter table raw.predictions alter predicted_at type varchar;
        alter table raw.labels alter labeled_at type varchar;
        """
    )
    project.full_refresh()
    check_same_marts(marts(project), before)
    project.query(
        """
        update raw.predictions set probability = '0,3' where request_id = '1-7';
        update raw.predictions set predicted_at = 'soon' where request_id = '1-8';
        update raw.labels set labeled_at = 'n/a' where request_id = '1-9';
        """
    )
    project.full_refresh(*LEDGER_ONLY)
    reasons = project.mart("log_loss_rejections").groupby("reason")["row_count"].sum()
    assert reasons["missing_probability"] == 1
    assert reasons["missing_predicted_at"] == 1
    assert reasons["missing_labeled_at"] >= 1


def test_another_column_in_an_input_changes_nothing(
    base: UserProject, undisturbed: dict[tuple, tuple[UserProject, float]]
) -> None:
    project = put_back(base)
    project.query("alter table raw.predictions add column note varchar default 'x'")
    project.run(*LEDGER_ONLY)
    check_same(project, undisturbed[()][0])


def test_a_dropped_column_stops_the_run_and_changes_nothing(base: UserProject) -> None:
    project = put_back(base)
    before = marts(project)
    project.query("alter table raw.predictions drop column probability")
    result = project.invoke("run")
    assert not result.success
    assert "which has no column `probability`" in "\n".join(messages(result))
    check_same_marts(marts(project), before)
