"""The package's own data tests pass on sound data and find what they are there for.

They run in every user's build: a false alarm would stop it, and a test that cannot fail
would hide a defect.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from dbt.cli.main import dbtRunnerResult

from harness import (
    LABEL_COLUMNS,
    LEDGER_ONLY,
    PREDICTION_COLUMNS,
    UserProject,
    copied,
    failing_rows,
    messages,
    outcomes_of,
    run_command,
    scratch_project,
)

CONSERVED = "assert_inputs_are_conserved"
COMPLETE = "assert_ledger_is_complete"
AGREE = "assert_marts_agree"
LOADED_AT = {"loaded_at": "timestamp"}
LAST_DAY = 20


def noon(day_number: int) -> datetime:
    return datetime(2024, 3, 1, 12) + timedelta(day_number)


def prediction(request_id: str, day_number: int | None, **others: object) -> dict:
    return {
        "request_id": request_id,
        "model_name": "card",
        "model_version": "1",
        "predicted_at": None if day_number is None else noon(day_number),
        "probability": 0.25,
        "loaded_at": None,
        **others,
    }


def label(request_id: str, text: str | None, day_number: int | None, **others) -> dict:
    return {
        "request_id": request_id,
        "model_name": "card",
        "label": text,
        "labeled_at": None if day_number is None else noon(day_number),
        "loaded_at": None,
        **others,
    }


# every state that a row can end in, on several load dates, March 1 to 21
PREDICTIONS = [
    *(prediction(f"r{n}", n) for n in range(LAST_DAY + 1)),
    *(prediction(f"r{n}", n, model_version="2") for n in range(0, LAST_DAY + 1, 5)),
    *(prediction(f"r{n}", n, loaded_at=noon(n + 2)) for n in (0, 7)),
    *(prediction(f"impossible {n}", n, probability=7.0) for n in (0, 7, LAST_DAY)),
    prediction("nameless", 7, model_name=None),
    prediction("undated", None),
    prediction("in the future", 7, loaded_at=datetime(2222, 1, 1)),
]
LABELS = [
    *(label(f"r{n}", str(n % 2), n + 3) for n in range(LAST_DAY - 2)),
    *(label(f"r{n}", "1", n + 5) for n in range(0, 12, 4)),
    *(label(f"r{n}", None, n + 6) for n in range(0, 12, 3)),
    *(label(f"r{n}", str(n % 2), n + 3, loaded_at=noon(n + 9)) for n in (2, 6)),
    *(label(f"nobody {n}", "1", n) for n in (0, 7, LAST_DAY)),
    *(label("r1", "maybe", n) for n in (0, 7, LAST_DAY)),
    # before its prediction
    label("r20", "1", 0),
    label("r2", "1", None),
]


def load(
    project: UserProject, predictions: list[dict], labels: list[dict], append=False
) -> None:
    """As most users' tables: without `loaded_at`, unless a row has one."""
    for name, rows, columns in [
        ("predictions", predictions, PREDICTION_COLUMNS),
        ("labels", labels, LABEL_COLUMNS),
    ]:
        if any(row["loaded_at"] for row in rows):
            columns = columns | LOADED_AT
        project.load_rows(name, rows, columns, append)


def loaded_on_one_day(rows: Iterable[dict]) -> list[dict]:
    return [{**row, "loaded_at": noon(LAST_DAY + 20)} for row in rows]


def without_loaded_at(rows: Iterable[dict]) -> list[dict]:
    return [{**row, "loaded_at": None} for row in rows if row["loaded_at"] is None]


def outcome_of_test(test: str, project: UserProject) -> tuple[str, pd.DataFrame]:
    """How a data test ended and the rows that it returned."""
    result = project.invoke("test", "--select", test)
    assert test in outcomes_of(result), messages(result)
    return outcomes_of(result)[test], failing_rows(project, result, test)


def assert_built(result: dbtRunnerResult) -> None:
    """All is well, except that the rejected rows are beyond the default limits."""
    outcomes = outcomes_of(result)
    assert {CONSERVED, COMPLETE} <= outcomes.keys()
    unhappy = {n for n, o in outcomes.items() if o not in ("success", "pass")}
    limits = {
        "assert_no_threshold_errors",
        "assert_no_threshold_warnings",
        "assert_no_tickets",
    }
    assert unhappy <= limits, messages(result)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> UserProject:
    directory = tmp_path_factory.mktemp("built")
    project = UserProject(directory / "warehouse.duckdb", directory / "target")
    load(project, PREDICTIONS, LABELS)
    project.run(*LEDGER_ONLY)
    return project


@pytest.fixture(scope="module")
def built_without_load_times(tmp_path_factory: pytest.TempPathFactory) -> UserProject:
    directory = tmp_path_factory.mktemp("without_load_times")
    project = UserProject(directory / "warehouse.duckdb", directory / "target")
    load(project, without_loaded_at(PREDICTIONS), without_loaded_at(LABELS))
    project.run(*LEDGER_ONLY)
    return project


# ---------------------------------------------------------------------------------
# every row is accounted for


@pytest.mark.parametrize("test", [CONSERVED, COMPLETE])
def test_sound_data_pass(built: UserProject, test: str) -> None:
    assert outcome_of_test(test, built)[0] == "pass"


def test_sound_data_that_came_in_one_load_pass(
    tmp_path: Path, built: UserProject
) -> None:
    """The last load date is the only one."""
    project = replace(built, path=tmp_path / "warehouse.duckdb")
    load(project, loaded_on_one_day(PREDICTIONS), loaded_on_one_day(LABELS))
    assert_built(project.invoke("build"))
    dates = project.query("select distinct recorded_date from int_log_loss__ledger")
    assert len(dates) == 2, "the one load date, and the rows that have none"


def test_every_state_is_among_the_sound_data(built: UserProject) -> None:
    states = built.query(
        "select distinct entry_type from int_log_loss__ledger where entry_count <> 0"
    )["entry_type"]
    assert set(states) == {
        *("prediction", "rejection", "new", "revised", "withdrawn"),
        *("effective", "superseded", "unmatched", "prediction_row", "label_row"),
    }


@pytest.mark.parametrize(
    ("grain", "entry_type", "source", "loaded_on", "change"),
    [
        ("overall", "prediction", "predictions", "2024-03-01", 1),
        ("overall", "prediction", "predictions", "2024-03-21", 1),
        ("overall", "rejection", "predictions", "2024-03-21", -1),
        ("overall", "rejection", "predictions", "1970-01-01", 1),
        ("label_event", "effective", "labels", "2024-03-09", -1),
        ("label_event", "unmatched", "labels", "2024-03-21", 1),
        ("label_event", "rejection", "labels", "1970-01-01", -1),
    ],
)
def test_an_entry_too_many_or_too_few_is_found(
    tmp_path: Path,
    built: UserProject,
    grain: str,
    entry_type: str,
    source: str,
    loaded_on: str,
    change: int,
) -> None:
    """On any load date: the last is March 21, and 1970 is that of undated rows."""
    project = copied(built, tmp_path)
    load_date = "metric_date" if grain == "label_event" else "recorded_date"
    project.query(
        f"""
        update int_log_loss__ledger set entry_count = entry_count + {change}
        where rowid = (
            select min(rowid) from int_log_loss__ledger
            where
                grain = '{grain}' and entry_type = '{entry_type}'
                and {load_date} = '{loaded_on}'
        )
        """
    )
    status, found = outcome_of_test(CONSERVED, project)
    assert status == "fail"
    (row,) = found.to_dict("records")
    assert (row["source"], row["model_name"]) == (source, "card")
    assert str(row["loaded_on"].date()) == loaded_on
    assert row["total_entry_count"] == row["total_row_count"] + change


# ---------------------------------------------------------------------------------
# rows behind the lookback


LATE_PREDICTIONS = [prediction("late", 4), prediction("later", 2)]
LATE_LABELS = [label("r1", "1", 3), label("late", "0", 5)]


def marts(project: UserProject) -> dict[str, pd.DataFrame]:
    names = project.query(
        """
        select table_name from information_schema.tables
        where table_schema = 'main' and table_name like 'log\\_loss\\_%' escape '\\'
        """
    )["table_name"]
    return {name: project.query(f"from {name} order by all") for name in names}


def test_rows_behind_the_lookback_are_named_and_the_command_heals_them(
    tmp_path: Path, built_without_load_times: UserProject
) -> None:
    project = copied(built_without_load_times, tmp_path)
    tomorrow = prediction("tomorrow", LAST_DAY + 1)
    load(project, [*LATE_PREDICTIONS, tomorrow], LATE_LABELS, append=True)
    project.run()
    status, found = outcome_of_test(COMPLETE, project)
    assert status == "warn"
    rows = found[["source", "model_name", "recorded_date"]].itertuples(index=False)
    assert {(source, model, loaded.date()) for source, model, loaded in rows} == {
        ("predictions", "card", noon(4).date()),
        ("predictions", "card", noon(2).date()),
        ("labels", "card", noon(3).date()),
        ("labels", "card", noon(5).date()),
    }
    (command,) = set(found["command"])
    assert str(noon(2).date()) in command
    assert_built(run_command(project, command))
    refreshed = copied(project, tmp_path / "refreshed")
    refreshed.full_refresh()
    expected = marts(refreshed)
    assert {"log_loss_daily", "log_loss_retroactive_corrections"} <= set(expected)
    for name, mart in marts(project).items():
        pd.testing.assert_frame_equal(
            mart, expected[name], rtol=1e-12, atol=1e-13, obj=name
        )


def test_rows_that_came_in_since_the_run_are_not_missed_yet(
    tmp_path: Path, built_without_load_times: UserProject
) -> None:
    project = copied(built_without_load_times, tmp_path)
    fresh = [prediction("fresh", LAST_DAY), prediction("fresher", LAST_DAY + 1)]
    load(project, fresh, [label("r19", "1", LAST_DAY)], append=True)
    assert outcome_of_test(COMPLETE, project)[0] == "pass"
    assert outcome_of_test(CONSERVED, project)[0] == "pass"


def test_rows_deleted_since_they_were_processed_are_named(
    tmp_path: Path, built: UserProject
) -> None:
    project = copied(built, tmp_path)
    project.query(
        "delete from raw.predictions where request_id = 'r5' and model_version = '2'"
    )
    status, found = outcome_of_test(COMPLETE, project)
    assert status == "warn"
    (row,) = found.to_dict("records")
    assert (row["source"], row["model_name"]) == ("predictions", "card")
    assert row["recorded_date"].date() == noon(5).date()
    assert (row["source_row_count"], row["processed_row_count"]) == (1, 2)


# ---------------------------------------------------------------------------------
# suppressions


SUPPRESSIONS = """
select *
from (
    values
        ('open', '2024-01-01', null),
        ('open until 9999', '2024-01-01', '9999-12-31'),
        ('for a moment', '2024-01-01', '2024-01-01'),
        (null, '2024-01-01', '2024-01-02'),
        ('no start', null, '2024-01-01'),
        ('no start at all', null, null),
        ('start of a sentinel', '0001-01-01', null),
        ('backwards', '2024-01-02', '2024-01-01')
) as rows (model_name, starts_at, ends_at)
cross join (select 'known' as reason) as reasons
"""


def test_suppressions_that_silence_nothing_fail_the_build(tmp_path: Path) -> None:
    project = scratch_project(
        tmp_path,
        {"models/suppressions.sql": SUPPRESSIONS},
        {"log_loss_suppressions": "user_project.suppressions"},
    )
    result = project.invoke("build", "--select", "+stg_log_loss__suppressions")
    test = "assert_suppressions_are_usable"
    assert not result.success
    assert outcomes_of(result)[test] == "fail"
    assert set(failing_rows(project, result, test)["model_name"]) == {
        *("no start", "no start at all", "start of a sentinel", "backwards"),
    }


# ---------------------------------------------------------------------------------
# marts agree


@pytest.fixture(scope="module")
def agreement(
    whole_demo: UserProject, tmp_path_factory: pytest.TempPathFactory
) -> tuple[UserProject, str]:
    """A copy of the demo's warehouse, and the SQL of the test."""
    project = copied(whole_demo, tmp_path_factory.mktemp("agreement"))
    result = project.invoke("test", "--select", AGREE)
    assert outcomes_of(result)[AGREE] == "pass", messages(result)
    [node] = result.result.results
    return project, node.node.compiled_code


@pytest.mark.parametrize(
    ("mart", "change", "parts"),
    [
        ("log_loss_daily", "labeled_count = labeled_count + 1", 3),
        ("log_loss_daily", "prediction_count = prediction_count - 1", 2),
        ("log_loss_daily", "mean_log_loss = mean_log_loss + 1e-9", 3),
        ("log_loss_daily_by_cohort", "labeled_count = labeled_count + 1", 1),
        ("log_loss_daily_by_cohort", "prediction_count = prediction_count + 1", 1),
        ("log_loss_daily_by_cohort", "mean_log_loss = mean_log_loss - 1e-9", 1),
        ("log_loss_daily_by_class", "labeled_count = labeled_count - 1", 1),
        ("log_loss_daily_by_class", "mean_log_loss = null", 1),
    ],
)
def test_marts_that_do_not_add_up_are_found(
    agreement: tuple[UserProject, str], mart: str, change: str, parts: int
) -> None:
    project, sql = agreement
    update = (
        f"update {mart} set {change} where rowid ="
        f" (select min(rowid) from {mart} where labeled_count > 9)"
    )
    found = project.query_after([update], sql)
    assert len(found) == parts
    assert found["metric_date"].nunique() == 1


def test_a_day_that_a_cohort_has_lost_is_found(agreement: tuple[UserProject, str]) -> None:
    project, sql = agreement
    delete = (
        "delete from log_loss_daily_by_cohort where cohort_name = 'origin'"
        " and metric_date = (select max(metric_date) from log_loss_daily)"
    )
    found = project.query_after([delete], sql)
    assert set(found["part"]) == {"origin"}
    assert found["prediction_count_of_parts"].isna().all()
