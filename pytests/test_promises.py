"""Promises about the inputs make runs cheaper, and change no number while they hold.

Where one does not hold, a data test says so. A pass over everything also relies on
hashes of requests, and not on their being different.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from harness import (
    CORE_ONLY,
    LEDGER_ONLY,
    REPOSITORY,
    UserProject,
    failing_rows,
    outcomes_of,
    run_command,
    scratch_project,
)
from strategies import UNDECLARED, DataSet, Row, data_sets, label_row, prediction_row
from test_properties_incremental import check_marts, check_same_ledger, ledger

UNIQUE = "assert_predictions_are_unique"
HORIZON = "assert_label_horizon_holds"
HORIZON_DAYS = 10


def noon(day_number: int) -> datetime:
    return datetime(2024, 3, 1, 12) + timedelta(day_number)


def prediction(
    request_id: str, day_number: int, version: str = "1", probability: object = 0.3
) -> Row:
    time = noon(day_number)
    return prediction_row(UNDECLARED, request_id, version, time, time, probability)


def label(request_id: str, text: str | None, day_number: int) -> Row:
    return label_row(UNDECLARED, request_id, text, noon(day_number), noon(day_number))


# no prediction is there twice; some are shadowed, revised, withdrawn, early, rejected
PREDICTIONS = [
    *(prediction(f"r{n}", n) for n in range(20)),
    *(prediction(f"r{n}", n, "shadow", 0.4) for n in range(0, 20, 3)),
    *(prediction(f"r{n}", n, "late shadow", 0.6) for n in range(0, 20, 6)),
    *(prediction("rejected", n, probability=7.0) for n in (3, 3, 5)),
]
LABELS = [
    *(label(f"r{n}", str(n % 2), n + 2) for n in range(18)),
    *(label(f"r{n}", "1", n + 5) for n in range(0, 15, 2)),
    *(label(f"r{n}", None, n + 6) for n in range(0, 15, 5)),
    label("r19", None, 19),
    label("r18", "1", 12),
    label("nobody", "1", 4),
]
DATA = DataSet(PREDICTIONS, LABELS, {}, True)


def loaded_until(day_number: int, data: DataSet = DATA, since: int = -1) -> DataSet:
    def loaded(rows: list[Row]) -> list[Row]:
        return [r for r in rows if noon(since) < r["loaded_at"] <= noon(day_number)]

    return replace(
        data, predictions=loaded(data.predictions), labels=loaded(data.labels)
    )


def run_day_by_day(project: UserProject, data: DataSet, variables: dict) -> None:
    project.variables = variables
    for start, end in [(-1, 4), (4, 9), (9, 14), (14, 40)]:
        loaded_until(end, data, since=start).load_into(project, append=start > -1)
        project.run(*LEDGER_ONLY)


# ------------------------------------------------------------------ unique predictions


@pytest.mark.parametrize("how", ["at once", "day by day"])
def test_the_promise_of_unique_predictions_changes_no_number(
    user_project: UserProject, how: str
) -> None:
    if how == "at once":
        DATA.load_into(user_project)
        user_project.variables = {"log_loss_unique_predictions": True}
        user_project.run(*LEDGER_ONLY)
    else:
        run_day_by_day(user_project, DATA, {"log_loss_unique_predictions": True})
    check_marts(user_project, DATA)
    promised = ledger(user_project)
    user_project.variables = {}
    user_project.full_refresh(*LEDGER_ONLY)
    check_same_ledger(promised, ledger(user_project))


def test_a_broken_promise_of_unique_predictions_is_found(
    user_project: UserProject,
) -> None:
    copies = [prediction("r4", 9), prediction("r6", 9, "shadow")]
    data = replace(DATA, predictions=PREDICTIONS + copies)
    data.load_into(user_project)
    user_project.variables = {"log_loss_unique_predictions": True}
    user_project.run(*LEDGER_ONLY)
    result = user_project.invoke("test", "--select", UNIQUE)
    assert outcomes_of(result)[UNIQUE] == "fail"
    found = failing_rows(user_project, result, UNIQUE)
    assert sorted(zip(found["request_id"], found["model_version"], strict=True)) == [
        ("r4", "1"),
        ("r6", "shadow"),
    ]
    # the command in the test's comment
    user_project.variables = {"log_loss_unique_predictions": False}
    user_project.run("--full-refresh", "--select", "package:log_loss")
    check_marts(user_project, data)


def test_a_kept_promise_of_unique_predictions_passes(user_project: UserProject) -> None:
    DATA.load_into(user_project)
    user_project.variables = {"log_loss_unique_predictions": True}
    user_project.run(*LEDGER_ONLY)
    outcomes = outcomes_of(user_project.invoke("test", "--select", UNIQUE))
    assert outcomes == {UNIQUE: "pass"}


def test_promises_not_made_are_not_tested(user_project: UserProject) -> None:
    DATA.load_into(user_project)
    listed = user_project.invoke("ls", "--resource-type", "test", "--output", "name")
    assert "assert_marts_agree" in listed.result
    assert not {UNIQUE, HORIZON} & set(listed.result)


# ------------------------------------------------------------------ label horizon


def test_the_label_horizon_changes_no_number(user_project: UserProject) -> None:
    """Also with rows that are exactly as far apart as promised."""
    run_day_by_day(user_project, DATA, {"log_loss_label_horizon_days": HORIZON_DAYS})
    late = [label("r9", "0", 9 + HORIZON_DAYS)]
    replace(DATA, predictions=[], labels=late).load_into(user_project, append=True)
    user_project.variables["log_loss_lookback_days"] = 0
    user_project.run(*LEDGER_ONLY)
    check_marts(user_project, replace(DATA, labels=LABELS + late))
    assert outcomes_of(user_project.invoke("test"))[HORIZON] == "pass"


def test_a_label_beyond_the_horizon_is_found_and_healed(
    user_project: UserProject,
) -> None:
    """Otherwise no test would notice that no older rows are read."""
    run_day_by_day(user_project, DATA, {"log_loss_label_horizon_days": HORIZON_DAYS})
    late = [label("r8", "0", 8 + HORIZON_DAYS + 1)]
    replace(DATA, predictions=[], labels=late).load_into(user_project, append=True)
    data = replace(DATA, labels=LABELS + late)
    # the last date alone is rebuilt, so that nothing but the horizon reaches back
    user_project.variables["log_loss_lookback_days"] = 0
    user_project.run(*LEDGER_ONLY)
    with pytest.raises(AssertionError):
        check_marts(user_project, data)
    result = user_project.invoke("test", "--select", HORIZON)
    assert outcomes_of(result)[HORIZON] == "warn"
    [found] = failing_rows(user_project, result, HORIZON).to_dict("records")
    assert found["request_count"] == 1
    assert found["days_apart"] == HORIZON_DAYS + 1
    run_command(user_project, found["command"])
    check_marts(user_project, data)


def test_labels_may_be_counted_twice_beyond_the_horizon(
    user_project: UserProject,
) -> None:
    """A first label out of sight is not taken back; two data tests say so."""
    steps = [
        ([prediction("early label", 3)], [label("early label", "1", 0)]),
        ([prediction("another", 6)], []),
        ([], [label("early label", "0", 7)]),
    ]
    user_project.variables = {
        "log_loss_label_horizon_days": 5,
        "log_loss_lookback_days": 0,
    }
    for number, (predictions, labels) in enumerate(steps):
        data = DataSet(predictions, labels, {}, True)
        data.load_into(user_project, append=number > 0)
        user_project.run(*LEDGER_ONLY)
    outcomes = outcomes_of(user_project.invoke("test"))
    assert outcomes[HORIZON] == "warn"
    assert outcomes["assert_labels_are_within_predictions"] == "fail"


# ------------------------------------------------------------------ backfill


def test_a_backfill_in_chunks_is_a_full_refresh(tmp_path: Path) -> None:
    """The recipe of docs/running_at_scale.md, copied from it."""
    recipe = (REPOSITORY / "docs/running_at_scale.md").read_text()
    models = {
        f"models/{name}.sql": sql
        for name, sql in re.findall(r"-- models/(\w+)\.sql.*\n((?:[^`].*\n)+)", recipe)
    }
    assert len(models) == 2
    project = scratch_project(
        tmp_path,
        {
            name: re.sub(r"{{ source\('scoring', '(\w+)'\) }}", r"raw.\1", sql)
            for name, sql in models.items()
        },
    )
    unloaded = [
        {**row, "loaded_at": None} for row in PREDICTIONS[4:6] + LABELS[10:12]
    ]
    data = replace(
        DATA,
        predictions=PREDICTIONS[:4] + unloaded[:2] + PREDICTIONS[6:],
        labels=LABELS[:10] + unloaded[2:] + LABELS[12:],
    )
    data.load_into(project)
    (printed,) = re.findall(r"dbt build (--select .*) \\\n *--vars .*backfill", recipe)
    for until in ("2024-03-08", "2024-03-15", "2024-03-22", "2024-03-29"):
        project.variables = {"backfill_until": until}
        project.run(*printed.split(), *CORE_ONLY)
    check_marts(project, data)


# ------------------------------------------------------------------ hashes

COLLIDING = """
{# so few hashes that some requests share one and others do not #}
{% macro duckdb__key_hash(columns) -%}
    hash({{ columns | join(', ') }}) % 50
{%- endmacro %}
"""
DISPATCH = """
dispatch:
  - macro_namespace: log_loss
    search_order: [user_project, log_loss]
"""


@pytest.fixture(scope="module")
def colliding_project(tmp_path_factory: pytest.TempPathFactory) -> UserProject:
    project = scratch_project(
        tmp_path_factory.mktemp("colliding"), {"macros/key_hash.sql": COLLIDING}
    )
    with (project.project / "dbt_project.yml").open("a") as file:
        file.write(DISPATCH)
    return project


@settings(
    max_examples=3,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=data_sets(min_requests=8, max_requests=40))
def test_requests_may_share_a_hash(
    data: DataSet, colliding_project: UserProject
) -> None:
    with TemporaryDirectory() as directory:
        project = replace(
            colliding_project,
            path=Path(directory) / "warehouse.duckdb",
            variables=data.variables,
        )
        data.load_into(project)
        project.run(*LEDGER_ONLY)
        compiled = project.target_path / "compiled/log_loss/models/intermediate/ledger"
        assert "% 50" in (compiled / "int_log_loss__ledger.sql").read_text()
        check_marts(project, data)
