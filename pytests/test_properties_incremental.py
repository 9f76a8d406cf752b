"""However the loads are split into runs, the result is that of a full refresh."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from harness import LEDGER_ONLY, UserProject, copy_database
from oracle import (
    GRAINS,
    RELATIVE_TOLERANCE,
    Oracle,
    fail_on,
    mart_differences,
    usable_load_time,
    with_usable_times,
)
from strategies import (
    FAR_FUTURE,
    UNDECLARED,
    DataSet,
    Row,
    crowd,
    label_row,
    prediction_row,
    settings_of_crowds,
)

NOW = datetime(2026, 1, 1)
LEDGER = "int_log_loss__ledger"

# ------------------------------------------------------------------ loads


def arrival(row: Row, event_time: str, lookback_days: int, random: Random) -> date:
    """When a row becomes visible: up to the lookback after its own load time.

    A row without a usable load time is in a partition that every run rebuilds, so it
    may turn up in any of them.
    """
    loaded_at = usable_load_time(with_usable_times(row), event_time, NOW)
    if loaded_at is None:
        return date(2024, 2, 26) + timedelta(random.randrange(20))
    return loaded_at.date() + timedelta(random.randint(0, lookback_days))


def batches(data: DataSet, count: int, random: Random) -> list[DataSet]:
    """Cut the arrivals between days, each day whole."""
    lookback_days = data.variables["log_loss_lookback_days"]

    def arrivals(rows: list[Row], event_time: str) -> list[tuple[date, Row]]:
        return [(arrival(r, event_time, lookback_days, random), r) for r in rows]

    predictions = arrivals(data.predictions, "predicted_at")
    labels = arrivals(data.labels, "labeled_at")
    days = sorted({day for day, _ in predictions + labels})
    cuts = sorted(random.sample(days[1:], min(count, len(days)) - 1))
    bounds = [date.min, *cuts, date.max]
    return [
        replace(
            data,
            predictions=[row for day, row in predictions if start <= day < end],
            labels=[row for day, row in labels if start <= day < end],
        )
        for start, end in zip(bounds, bounds[1:], strict=False)
    ]


# ------------------------------------------------------------------ comparison


def check_marts(project: UserProject, data: DataSet) -> None:
    expected = Oracle(data.predictions, data.labels, data.variables).marts()
    fail_on(
        [
            difference
            for mart in GRAINS
            for difference in mart_differences(
                mart, project.mart_rows(mart), expected[mart]
            )
        ]
    )


def ledger(project: UserProject) -> list[Row]:
    """Without the markers: they tell which partitions a run has rebuilt."""
    return [row for row in project.mart_rows(LEDGER) if row["grain"] != "marker"]


def is_sum(value: object) -> bool:
    return isinstance(value, float)


def ledger_cells(rows: list[Row]) -> dict[tuple, dict[str, float]]:
    """Sums by everything else in the row, the counts included."""
    cells = {}
    for row in rows:
        # Spark puts the partition column last
        key = tuple(sorted(item for item in row.items() if not is_sum(item[1])))
        assert key not in cells, f"twice in the ledger: {key}"
        cells[key] = {name: value for name, value in row.items() if is_sum(value)}
    return cells


def check_same_ledger(actual: list[Row], expected: list[Row]) -> None:
    """Counts exactly; sums within 1e-12 of what the whole column adds up to."""
    have, want = ledger_cells(actual), ledger_cells(expected)
    fail_on([f"only incremental: {key}" for key in have.keys() - want.keys()])
    fail_on([f"only in a full refresh: {key}" for key in want.keys() - have.keys()])
    gross = defaultdict(float)
    for sums in want.values():
        for name, value in sums.items():
            gross[name] += abs(value)
    fail_on(
        [
            f"{name} of {key}: {have[key][name]} and {value}"
            for key, sums in want.items()
            for name, value in sums.items()
            # true of a NaN too
            if not abs(have[key][name] - value) <= RELATIVE_TOLERANCE * gross[name]
        ]
    )


# ------------------------------------------------------------------ the properties


@pytest.mark.parametrize("lookback_days", [0, 1, 3])
def test_any_split_of_the_loads_equals_a_full_refresh(
    lookback_days: int, tmp_path: Path
) -> None:
    """After every run the marts are right; at the end the ledger is, row by row."""
    number = [0, 1, 3].index(lookback_days)
    random = Random(4)
    variables = {
        **settings_of_crowds(3, random)[number],
        "log_loss_lookback_days": lookback_days,
    }
    data = crowd(
        12,
        random,
        variables,
        sizes=tuple(range(25, 46)),
        is_declared=lookback_days != 1,
        has_loaded_at=lookback_days != 0,
    ).data
    project = UserProject(
        tmp_path / "warehouse.duckdb", tmp_path / "target", data.variables
    )
    seen = replace(data, predictions=[], labels=[])
    # two to four runs
    for batch in batches(data, number + 2, random):
        batch.load_into(project, append=bool(seen.predictions + seen.labels))
        seen = with_rows_of(seen, batch)
        project.run(*LEDGER_ONLY)
        check_marts(project, seen)
    incremental = ledger(project)
    project.run(*LEDGER_ONLY)
    check_same_ledger(ledger(project), incremental)
    check_marts(project, seen)
    project.full_refresh(*LEDGER_ONLY)
    check_same_ledger(incremental, ledger(project))


def with_rows_of(data: DataSet, other: DataSet) -> DataSet:
    return replace(
        data,
        predictions=data.predictions + other.predictions,
        labels=data.labels + other.labels,
    )


# ------------------------------------------------------------------ single cases


def day(number: int) -> datetime:
    return datetime(2024, 3, 1, 12) + timedelta(days=number)


def one_prediction(
    request_id: str, number: int, probability: float | None = 0.3, model: str = "m"
) -> Row:
    moment = day(number)
    row = prediction_row(UNDECLARED, request_id, "v1", moment, moment, probability)
    return {**row, "model_name": model}


def one_label(
    request_id: str, label: str | None, number: int, model: str = "m"
) -> Row:
    row = label_row(UNDECLARED, request_id, label, day(number), day(number))
    return {**row, "model_name": model}


def timeless(request_id: str) -> Row:
    row = one_prediction(request_id, 0, model="timeless")
    return {**row, "predicted_at": None, "loaded_at": None}


# Loads of cases that share one project, each with a model of its own. No other case
# has rows of days 6 to 9, 13 and 15.
LOADS: dict[str, tuple[list[Row], list[Row]]] = {
    "first": (
        [one_prediction(name, 0) for name in ("returning", "overtaken", "late copy")]
        # belongs to nobody: rejected, and loaded in the future
        + [{**one_prediction("future", 0, None), "loaded_at": FAR_FUTURE}]
        + [one_prediction("r", 0, model="2099")]
        + [{**one_prediction("far off", 1, model="2099"), "loaded_at": FAR_FUTURE}]
        + [one_prediction("r", 0, model="timeless"), timeless("u")]
        + [one_prediction("r1", 1, model="beyond")],
        [one_label("returning", "1", 1)]
        + [one_label("late copy", "1", 1)]
        + [one_label("before its prediction", "1", 1)]
        + [one_label("overtaken", "1", 4)]
        + [{**one_label("r", "1", 1, model="2099"), "labeled_at": FAR_FUTURE}],
    ),
    "second": (
        [one_prediction("s", 1, model="2099")],
        [one_label("r", "0", 1, model="2099")]
        # a later event, but loaded before the one it follows: that posts nothing any
        # more
        + [{**one_label("overtaken", "0", 5), "loaded_at": day(2)}],
    ),
    "with an original": (
        [one_prediction("t", 2, model="2099")]
        + [one_prediction("copied", 9, 0.9, model="copies")],
        [one_label("s", "1", 2, model="2099")]
        + [one_label("copied", "1", 9, model="copies")],
    ),
    "with a copy loaded earlier": (
        [one_prediction("copied", 8, 0.2, model="copies")],
        [],
    ),
    "with days to delete": (
        [one_prediction("r", 10, model="deleted")]
        + [one_prediction("t", 13, model="deleted")],
        [one_label("r", "1", 11, model="deleted")]
        + [one_label("r", "0", 15, model="deleted")],
    ),
    "reaching back": (
        [one_prediction("before its prediction", 20)]
        + [one_prediction("late copy", 20, 0.9)]
        + [one_prediction("s", 20, model="timeless"), timeless("v")],
        [one_label("returning", None, 20)]
        + [{**one_label("late copy", "1", 1), "loaded_at": day(20)}],
    ),
    "last": ([timeless("w")], [one_label("returning", "0", 40)]),
}
DELETED_DAYS = {day(13), day(15)}
TOO_LATE = one_label("r1", "1", 2, model="beyond")


def loaded(name: str) -> DataSet:
    """Everything until this load."""
    data = DataSet([], [], {}, True)
    for load, (predictions, labels) in LOADS.items():
        data = with_rows_of(data, DataSet(predictions, labels, {}, True))
        if load == name:
            break
    return data


def as_restated() -> DataSet:
    """A label that came too late for the lookback, and two days without their rows."""
    data = loaded("last")

    def kept(rows: list[Row]) -> list[Row]:
        return [row for row in rows if row["loaded_at"] not in DELETED_DAYS]

    return replace(
        data,
        predictions=kept(data.predictions),
        labels=[*kept(data.labels), TOO_LATE],
    )


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, UserProject]:
    """The project after the run that followed each load, and after what came then."""
    directory = tmp_path_factory.mktemp("cases")
    project = UserProject(directory / "warehouse.duckdb", directory / "target")
    copies = {}

    def run(name: str) -> None:
        project.run(*LEDGER_ONLY)
        # the file's name is the catalog's, which views have in them
        path = directory / str(len(copies)) / project.path.name
        path.parent.mkdir()
        copy_database(project.path, path)
        copies[name] = replace(project, path=path)

    for name, (predictions, labels) in LOADS.items():
        load = DataSet(predictions, labels, {}, True)
        load.load_into(project, append=bool(copies))
        run(name)
    DataSet([], [TOO_LATE], {}, True).load_into(project, append=True)
    run("too late")
    as_restated().load_into(project)
    project.variables = {"log_loss_reprocess_from": "2024-03-02"}
    run("restated")
    return copies


@pytest.mark.parametrize("load", LOADS)
def test_loads_that_reach_back(load: str, cases: dict[str, UserProject]) -> None:
    """Old requests that later loads return to, far beyond the lookback."""
    check_marts(cases[load], loaded(load))


def test_a_row_beyond_the_lookback_needs_and_gets_a_restatement(
    cases: dict[str, UserProject],
) -> None:
    """Otherwise no test would notice that nothing is ever left out."""
    assert labeled_count(cases["too late"], "beyond") == 0
    # nothing else of it is in any mart either
    check_marts(cases["too late"], loaded("last"))
    assert labeled_count(cases["restated"], "beyond") == 1
    check_marts(cases["restated"], as_restated())


def test_a_restatement_empties_the_partitions_of_deleted_rows(
    cases: dict[str, UserProject],
) -> None:
    """Strategies replace partitions that have new rows; these have none left."""
    for number in (13, 15):
        assert entries_on(cases["too late"], number)
        assert not entries_on(cases["restated"], number)


def entries_on(project: UserProject, number: int) -> list[Row]:
    """Those of a revision too, whose counts add up to nothing."""
    recorded_date = day(number).date()
    return [row for row in ledger(project) if row["recorded_date"] == recorded_date]


def recorded_on(project: UserProject, number: int) -> dict[str, int]:
    """The entries of a date, all models together."""
    counts = project.rows(
        "select entry_type, sum(entry_count) as n from int_log_loss__ledger"
        f" where recorded_date = date '{day(number).date()}' and grain = 'overall'"
        " group by entry_type having n <> 0"
    )
    return {count["entry_type"]: int(count["n"]) for count in counts}


def test_a_copy_loaded_earlier_that_comes_later_takes_over(
    cases: dict[str, UserProject],
) -> None:
    """What was accepted on one date is a duplicate, and another date has it."""
    before, after = cases["with an original"], cases["with a copy loaded earlier"]
    assert recorded_on(before, 9) == {"prediction": 1, "new": 1}
    assert recorded_on(after, 8) == {"prediction": 1}
    assert recorded_on(after, 9) == {"rejection": 1, "new": 1}


def test_one_timestamp_in_2099_moves_no_clock_and_no_cutoff(
    cases: dict[str, UserProject],
) -> None:
    assert labeled_count(cases["with an original"], "2099") == 2
    for load, number in {"first": 4, "with an original": 9, "last": 40}.items():
        [clock] = cases[load].mart_rows("int_log_loss__clock")
        assert clock["as_of_date"] == day(number).date()


def test_rows_without_any_time_are_seen_by_every_run(
    cases: dict[str, UserProject],
) -> None:
    for load, expected in {"first": 1, "reaching back": 2, "last": 3}.items():
        [count] = cases[load].rows(
            "select sum(row_count) as n from log_loss_rejections"
            " where reason = 'missing_predicted_at'"
        )
        assert count["n"] == expected


@pytest.mark.parametrize("had_it", [True, False], ids=["disappears", "appears"])
def test_a_loaded_at_that_comes_or_goes_stops_the_next_run(
    had_it: bool, tmp_path: Path
) -> None:
    """Sums dated by one clock cannot be added to sums dated by another."""
    before = DataSet([one_prediction("r", 0)], [one_label("r", "1", 3)], {}, had_it)
    after = replace(before, has_loaded_at=not had_it)
    project = UserProject(tmp_path / "warehouse.duckdb", tmp_path / "target")
    before.with_the_columns_of_its_tables().load_into(project)
    project.run(*LEDGER_ONLY)
    stored = ledger(project)
    after.with_the_columns_of_its_tables().load_into(project)
    with pytest.raises(AssertionError, match="--full-refresh"):
        project.run(*LEDGER_ONLY)
    assert ledger(project) == stored
    project.full_refresh(*LEDGER_ONLY)
    check_marts(project, after.with_the_columns_of_its_tables())


def labeled_count(project: UserProject, model_name: str) -> int:
    query = (
        "select coalesce(sum(labeled_count), 0) as n from main.log_loss_daily"
        f" where model_name = '{model_name}'"
    )
    return int(project.rows(query)[0]["n"])
