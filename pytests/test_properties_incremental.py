"""However the loads are split into runs, the result is that of a full refresh."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from harness import LEDGER_ONLY, UserProject
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
    data_sets,
    label_row,
    prediction_row,
)

NOW = datetime(2026, 1, 1)
ROLLUP = "int_log_loss__rollup"


@pytest.fixture(scope="module")
def target_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("target")


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


def rollup(project: UserProject) -> list[Row]:
    """Without the markers: they tell which partitions a run has rebuilt."""
    return [row for row in project.mart_rows(ROLLUP) if row["grain"] != "marker"]


def is_sum(value: object) -> bool:
    return isinstance(value, float)


def rollup_cells(rows: list[Row]) -> dict[tuple, dict[str, float]]:
    """Sums by everything else in the row, the counts included."""
    cells = {}
    for row in rows:
        # Spark puts the partition column last
        key = tuple(sorted(item for item in row.items() if not is_sum(item[1])))
        assert key not in cells, f"twice in the roll-up: {key}"
        cells[key] = {name: value for name, value in row.items() if is_sum(value)}
    return cells


def check_same_rollup(actual: list[Row], expected: list[Row]) -> None:
    """Counts exactly; sums within 1e-12 of what the whole column adds up to."""
    have, want = rollup_cells(actual), rollup_cells(expected)
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


@st.composite
def data_sets_without_a_fixed_clock(draw: st.DrawFn) -> DataSet:
    data = draw(data_sets(min_requests=25, max_requests=45))
    variables = {
        **data.variables,
        "log_loss_as_of_date": None,
        "log_loss_lookback_days": draw(st.sampled_from([0, 1, 3])),
    }
    return replace(data, variables=variables)


@settings(
    max_examples=5,
    # shrinking would run dbt for minutes; the differences name the rows already
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(
    data=data_sets_without_a_fixed_clock(),
    run_count=st.integers(2, 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_split_of_the_loads_equals_a_full_refresh(
    data: DataSet, run_count: int, seed: int, target_path: Path
) -> None:
    """After every run the marts are right; at the end the roll-up is, row by row."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "warehouse.duckdb"
        project = UserProject(path, target_path, data.variables)
        seen = replace(data, predictions=[], labels=[])
        for number, batch in enumerate(batches(data, run_count, Random(seed))):
            batch.load_into(project, append=number > 0)
            seen = replace(
                data,
                predictions=seen.predictions + batch.predictions,
                labels=seen.labels + batch.labels,
            )
            project.run(*LEDGER_ONLY)
            check_marts(project, seen)
        incremental = rollup(project)
        project.run(*LEDGER_ONLY)
        check_same_rollup(rollup(project), incremental)
        check_marts(project, seen)
        project.full_refresh(*LEDGER_ONLY)
        check_same_rollup(incremental, rollup(project))


# ------------------------------------------------------------------ single cases


def day(number: int) -> datetime:
    return datetime(2024, 3, 1, 12) + timedelta(days=number)


def one_prediction(request_id: str, number: int, probability: float = 0.3) -> Row:
    moment = day(number)
    return prediction_row(UNDECLARED, request_id, "v1", moment, moment, probability)


def one_label(request_id: str, label: str | None, number: int) -> Row:
    return label_row(UNDECLARED, request_id, label, day(number), day(number))


def test_loads_that_reach_back(user_project: UserProject) -> None:
    """Old requests that later loads return to, far beyond the lookback."""
    nobody = {**one_prediction("future", 0, None), "loaded_at": FAR_FUTURE}
    # a later event, but loaded before the one it follows: that posts nothing any more
    overtaking = {**one_label("overtaken", "0", 5), "loaded_at": day(2)}
    run_in_steps(
        user_project,
        (
            [one_prediction(name, 0) for name in ("returning", "overtaken", "copied")]
            + [nobody],
            [
                one_label("returning", "1", 1),
                one_label("copied", "1", 1),
                one_label("before its prediction", "1", 1),
                one_label("overtaken", "1", 4),
            ],
        ),
        ([], [overtaking]),
        (
            [one_prediction("before its prediction", 20)]
            + [one_prediction("copied", 20, 0.9)],
            [one_label("returning", None, 20)]
            + [{**one_label("copied", "1", 1), "loaded_at": day(20)}],
        ),
        ([], [one_label("returning", "0", 40)]),
    )


def test_a_row_beyond_the_lookback_needs_and_gets_a_restatement(
    user_project: UserProject,
) -> None:
    """Otherwise no test would notice that nothing is ever left out."""
    on_time = DataSet([one_prediction(f"r{n}", n) for n in range(20)], [], {}, True)
    on_time.load_into(user_project)
    user_project.run(*LEDGER_ONLY)
    late = DataSet([], [one_label("r1", "1", 2)], {}, True)
    late.load_into(user_project, append=True)
    user_project.run(*LEDGER_ONLY)
    assert labeled_count(user_project) == 0
    user_project.variables = {"log_loss_reprocess_from": "2024-03-02"}
    user_project.run(*LEDGER_ONLY)
    assert labeled_count(user_project) == 1
    check_marts(user_project, replace(on_time, labels=late.labels))


def test_a_restatement_empties_the_partitions_of_deleted_rows(
    user_project: UserProject,
) -> None:
    """Strategies replace partitions that have new rows; these have none left."""
    kept = DataSet(
        [one_prediction("r", 0), one_prediction("s", 9)],
        [one_label("r", "1", 1)],
        {},
        True,
    )
    deleted = DataSet([one_prediction("t", 4)], [one_label("r", "0", 6)], {}, True)
    kept.load_into(user_project)
    deleted.load_into(user_project, append=True)
    user_project.run(*LEDGER_ONLY)
    kept.load_into(user_project)
    user_project.variables = {"log_loss_reprocess_from": "2024-03-02"}
    user_project.run(*LEDGER_ONLY)
    check_marts(user_project, kept)


def run_in_steps(project: UserProject, *steps: tuple[list[Row], list[Row]]) -> DataSet:
    """Load, run, compare, and again; what was loaded in all."""
    seen = DataSet([], [], {}, True)
    for number, (predictions, labels) in enumerate(steps):
        step = DataSet(predictions, labels, {}, True)
        step.load_into(project, append=number > 0)
        seen = replace(
            seen,
            predictions=seen.predictions + predictions,
            labels=seen.labels + labels,
        )
        project.run(*LEDGER_ONLY)
        check_marts(project, seen)
    return seen


def recorded_on(project: UserProject, number: int) -> dict[str, int]:
    """The entries of a date, all models together."""
    counts = project.rows(
        "select entry_type, sum(entry_count) as n from int_log_loss__rollup"
        f" where recorded_date = date '{day(number).date()}' and grain = 'overall'"
        " group by entry_type having n <> 0"
    )
    return {count["entry_type"]: int(count["n"]) for count in counts}


def test_a_copy_loaded_earlier_that_comes_later_takes_over(
    user_project: UserProject,
) -> None:
    """What was accepted on one date is a duplicate, and another date has it."""
    known = [one_prediction("other", 0)]
    seen = run_in_steps(
        user_project,
        (known + [one_prediction("copied", 9, 0.9)], [one_label("copied", "1", 9)]),
    )
    assert recorded_on(user_project, 9) == {"prediction": 1, "new": 1}
    earlier = [one_prediction("copied", 8, 0.2)]
    replace(seen, predictions=earlier, labels=[]).load_into(user_project, append=True)
    user_project.run(*LEDGER_ONLY)
    assert recorded_on(user_project, 8) == {"prediction": 1}
    assert recorded_on(user_project, 9) == {"rejection": 1, "new": 1}
    check_marts(user_project, replace(seen, predictions=seen.predictions + earlier))


def test_one_timestamp_in_2099_moves_no_clock_and_no_cutoff(
    user_project: UserProject,
) -> None:
    far_off = {**one_prediction("far off", 1), "loaded_at": FAR_FUTURE}
    also_far_off = {**one_label("r", "1", 1), "labeled_at": FAR_FUTURE}
    run_in_steps(
        user_project,
        ([one_prediction("r", 0), far_off], [also_far_off]),
        ([one_prediction("s", 1)], [one_label("r", "0", 1)]),
        ([one_prediction("t", 2)], [one_label("s", "1", 2)]),
    )
    assert labeled_count(user_project) == 2
    [clock] = user_project.mart_rows("int_log_loss__clock")
    assert clock["as_of_date"] == day(2).date()


def test_rows_without_any_time_are_seen_by_every_run(
    user_project: UserProject,
) -> None:
    def timeless(request_id: str) -> Row:
        row = one_prediction(request_id, 0)
        return {**row, "predicted_at": None, "loaded_at": None}

    run_in_steps(
        user_project,
        ([one_prediction("r", 0), timeless("u")], []),
        ([one_prediction("s", 20), timeless("v")], []),
        ([timeless("w")], []),
    )
    [count] = user_project.rows(
        "select sum(row_count) as n from log_loss_rejections"
        " where reason = 'missing_predicted_at'"
    )
    assert count["n"] == 3


@pytest.mark.parametrize("had_it", [True, False], ids=["disappears", "appears"])
def test_a_loaded_at_that_comes_or_goes_stops_the_next_run(
    user_project: UserProject, had_it: bool
) -> None:
    """Sums dated by one clock cannot be added to sums dated by another."""
    before = DataSet([one_prediction("r", 0)], [one_label("r", "1", 3)], {}, had_it)
    after = replace(before, has_loaded_at=not had_it)
    before.with_the_columns_of_its_tables().load_into(user_project)
    user_project.run(*LEDGER_ONLY)
    stored = rollup(user_project)
    after.with_the_columns_of_its_tables().load_into(user_project)
    with pytest.raises(AssertionError, match="--full-refresh"):
        user_project.run(*LEDGER_ONLY)
    assert rollup(user_project) == stored
    user_project.full_refresh(*LEDGER_ONLY)
    check_marts(user_project, after.with_the_columns_of_its_tables())


def labeled_count(project: UserProject) -> int:
    query = "select sum(labeled_count) as n from main.log_loss_daily"
    return int(project.rows(query)[0]["n"])
