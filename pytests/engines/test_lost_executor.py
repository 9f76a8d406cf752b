"""An executor that dies in the middle of a build is replaced, and its work repeated."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from engines.conftest import Projects
from engines.test_conformance import hostile_data
from harness import LEDGER_ONLY, PROJECT
from test_properties_incremental import check_marts, check_same_ledger, ledger


def driver() -> bytes:
    """What this process's executors report to."""
    from pyspark.sql import SparkSession

    settings = SparkSession.getActiveSession().sparkContext.getConf()
    port = settings.get("spark.driver.port")
    return f"CoarseGrainedScheduler@127.0.0.1:{port}\0".encode()


def executors(of_driver: bytes) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if b"CoarseGrainedExecutorBackend\0" in command and of_driver in command:
            found.append(int(process.name))
    return found


class Killer(threading.Thread):
    """Kills an executor every few seconds, three in all."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.driver = driver()
        self.killed: list[int] = []
        self.is_over = threading.Event()

    def run(self) -> None:
        while len(self.killed) < 3 and not self.is_over.wait(4):
            alive = executors(self.driver)
            if alive:
                os.kill(alive[0], signal.SIGKILL)
                self.killed.append(alive[0])


@pytest.mark.engines("spark-distributed")
def test_a_lost_executor_changes_nothing(engine: Projects) -> None:
    data = hostile_data()
    project = engine.project(PROJECT, data.variables)
    data.load_into(project)
    project.full_refresh(*LEDGER_ONLY)
    undisturbed = ledger(project)
    killer = Killer()
    killer.start()
    project.full_refresh(*LEDGER_ONLY)
    killer.is_over.set()
    killer.join()
    assert len(killer.killed) == 3, "the build was over before the executors were"
    check_same_ledger(ledger(project), undisturbed)
    check_marts(project, data)
