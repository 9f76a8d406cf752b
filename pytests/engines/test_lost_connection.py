"""A connection that breaks while the ledger is written leaves the old one behind."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from engines.conftest import Projects
from engines.test_conformance import LAST_DAY, hostile_data
from engines.warehouses import SCHEMA
from harness import LEDGER_ONLY, PROJECT, messages
from strategies import UNDECLARED, prediction_row
from test_properties_incremental import LEDGER, check_marts, check_same_ledger, ledger

# A full refresh waits with the new table made, to put it in the old one's place. A later
# run waits in a trigger, with the old rows deleted and the new ones not there yet.
TRIGGER = f"""
create function {SCHEMA}.wait() returns trigger language plpgsql as
$$ begin perform pg_advisory_xact_lock_shared(1); return null; end $$;
create trigger wait before insert on {SCHEMA}.{LEDGER}
for each statement execute function {SCHEMA}.wait()
"""
OBSTACLES = {
    "full": (f"lock table {SCHEMA}.{LEDGER} in share mode", "relation"),
    "later": ("select pg_advisory_lock(1)", "advisory"),
}
BREAK = "select pg_terminate_backend(pid) from pg_locks where not granted and locktype = %s"


class Breaker(threading.Thread):
    """Breaks the connection that waits at an obstacle, and clears it away."""

    def __init__(self, projects: Projects, obstacle: str, waits_for: str) -> None:
        super().__init__(daemon=True)
        import psycopg2

        output = projects.warehouse.output
        self.connection = psycopg2.connect(
            **{name: output[name] for name in ("host", "port", "user", "dbname")}
        )
        self.cursor = self.connection.cursor()
        self.cursor.execute(obstacle)
        self.waits_for = waits_for
        self.broken = 0

    def run(self) -> None:
        deadline = time.monotonic() + 60
        while not self.broken and time.monotonic() < deadline:
            time.sleep(0.05)
            self.cursor.execute(BREAK, [self.waits_for])
            self.broken = self.cursor.rowcount
        self.connection.close()


@pytest.mark.engines("postgres")
@pytest.mark.parametrize("run", OBSTACLES)
def test_a_lost_connection_changes_nothing(run: str, engine: Projects) -> None:
    arguments = ["--full-refresh"] if run == "full" else []
    data = hostile_data()
    project = engine.project(PROJECT, data.variables)
    data.load_into(project)
    project.full_refresh(*LEDGER_ONLY)
    before = ledger(project)
    new = prediction_row(UNDECLARED, "new", "v1", LAST_DAY, LAST_DAY, 0.3)
    grown = replace(data, predictions=[*data.predictions, new])
    grown.load_into(project)
    engine.warehouse.execute(TRIGGER)
    breaker = Breaker(engine, *OBSTACLES[run])
    breaker.start()
    result = project.invoke("run", *arguments)
    breaker.join()
    assert breaker.broken == 1, messages(result)
    assert any(LEDGER in message for message in messages(result)), messages(result)
    check_same_ledger(ledger(project), before)
    engine.warehouse.execute(f"drop function {SCHEMA}.wait cascade")
    project.run(*arguments)
    check_marts(project, grown)
