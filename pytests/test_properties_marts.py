"""Hostile data: every mart equals the oracle, and the contract's invariants hold."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from harness import UserProject
from oracle import (
    GRAINS,
    OVERALL,
    Z_95,
    Oracle,
    differences,
    fail_on,
    labeled,
    mart_differences,
    mean_loss,
    near_sum,
    scikit_learn_mean_loss,
)
from strategies import (
    CLOCKS,
    DECLARED,
    THREE_CLASSES,
    UNDECLARED,
    DataSet,
    clock,
    crowd,
    dealt,
    label_row,
    prediction_row,
    request,
    settings_of_crowds,
)

PREDICTION_GRAIN = ["request_id", "model_name", "model_version"]
DAY_GRAIN = ["metric_date", "model_name", "model_version"]


def check(data: DataSet, directory: Path) -> None:
    """Build the package on the rows and compare everything it says."""
    project = UserProject(
        directory / "warehouse.duckdb", directory / "target", data.variables
    )
    data.load_into(project)
    project.run()
    oracle = Oracle(data.predictions, data.labels, data.variables)
    check_marts(project, oracle)
    check_invariants(project, oracle)


def check_marts(project: UserProject, oracle: Oracle) -> None:
    expected = oracle.marts()
    fail_on(
        [
            difference
            for mart in GRAINS
            for difference in mart_differences(
                mart, project.mart_rows(mart), expected[mart]
            )
        ]
    )
    if oracle.settings.as_of_date is None:
        scored = project.mart_rows("log_loss_scored_predictions")
        expected_rows = oracle.scored_predictions()
        fail_on(differences(scored, expected_rows, PREDICTION_GRAIN))


def check_invariants(project: UserProject, oracle: Oracle) -> None:
    check_rows_are_conserved(project, oracle)
    check_marts_agree_with_each_other(project, oracle)
    check_scikit_learn_agrees(project, oracle)
    check_numbers_are_finite(project)
    check_losses_are_possible(project, oracle.settings.epsilon)


# ------------------------------------------------------------------ invariant 1


def check_rows_are_conserved(project: UserProject, oracle: Oracle) -> None:
    """Raw rows = the sum of their states, per model, as of every date."""
    entries = project.rows(
        """
        select recorded_date, grain, model_name, entry_type, entry_count
        from main.int_log_loss__ledger
        where grain in ('overall', 'label_event')
        """
    )
    for day in [date(1970, 1, 1), *oracle.recorded_dates]:
        known = [entry for entry in entries if entry["recorded_date"] <= day]
        snapshot = oracle.snapshot(day)
        assert label_states(known) == +snapshot.states, day
        assert prediction_states(known) == expected_prediction_states(snapshot), day
    assert len(snapshot.labels) == oracle.raw_label_count
    assert len(snapshot.predictions) == oracle.raw_prediction_count


def label_states(entries: list[dict]) -> Counter:
    states = Counter()
    for entry in entries:
        if entry["grain"] == "label_event":
            states[entry["model_name"], entry["entry_type"]] += entry["entry_count"]
    return without_zeros(states)


def prediction_states(entries: list[dict]) -> Counter:
    """Labeled and unlabeled ones together are the accepted ones."""
    states = Counter()
    for entry in entries:
        if entry["grain"] != "overall":
            continue
        model_name, count = entry["model_name"], entry["entry_count"]
        if entry["entry_type"] in ("prediction", "rejection"):
            states[model_name, entry["entry_type"]] += count
        else:
            states[model_name, "labeled"] += count
    return without_zeros(states)


def without_zeros(states: Counter) -> Counter:
    """Unlike `+states`, keeps a negative count: it would be a bug."""
    return Counter({state: count for state, count in states.items() if count})


def expected_prediction_states(snapshot) -> Counter:
    states = Counter()
    for row in snapshot.predictions:
        kind = "prediction" if row.reason is None else "rejection"
        states[row.model_name, kind] += 1
    for row in labeled(snapshot.scored):
        states[row.prediction.model_name, "labeled"] += 1
    return states


# ------------------------------------------------------------------ invariant 5


def check_marts_agree_with_each_other(project: UserProject, oracle: Oracle) -> None:
    """One day has the same counts and total loss in all three marts."""
    daily = {
        tuple(row[name] for name in DAY_GRAIN): row
        for row in project.mart_rows("log_loss_daily")
    }
    parts = {"class": project.mart_rows("log_loss_daily_by_class")}
    cohort_rows = project.mart_rows("log_loss_daily_by_cohort")
    for cohort in oracle.settings.cohorts:
        parts[cohort] = [row for row in cohort_rows if row["cohort_name"] == cohort]
    for name, rows in parts.items():
        of_day = defaultdict(list)
        for row in rows:
            of_day[tuple(row[name] for name in DAY_GRAIN)].append(row)
        for key, day in daily.items():
            check_parts_add_up(name, day, of_day[key], oracle)


def check_parts_add_up(name: str, day: dict, parts: list[dict], oracle: Oracle) -> None:
    counts = ["labeled_count"]
    if name != "class":
        counts += ["prediction_count"]
        # beyond the clock only scopes with accepted predictions have a row
        counts += ["rejected_count"] * (day["metric_date"] <= oracle.as_of_date)
    for count in counts:
        assert sum(row[count] for row in parts) == day[count], (name, day)
    key = tuple(day[name] for name in DAY_GRAIN)
    slack = near_sum(oracle.now.group(key, OVERALL), lambda score: score.loss).within
    assert abs(total_loss(parts) - total_loss([day])) <= 2 * slack, (name, day)


def total_loss(rows: list[dict]) -> float:
    return math.fsum(
        row["mean_log_loss"] * row["labeled_count"]
        for row in rows
        if row["labeled_count"]
    )


# ------------------------------------------------------------------ invariant 6


def check_scikit_learn_agrees(project: UserProject, oracle: Oracle) -> None:
    for row in project.mart_rows("log_loss_daily"):
        group = oracle.now.group(tuple(row[name] for name in DAY_GRAIN))
        if labeled(group):
            theirs = scikit_learn_mean_loss(group, oracle.settings.epsilon)
            slack = mean_loss(group).within
            assert abs(row["mean_log_loss"] - theirs) <= slack, row


# ------------------------------------------------------------------ possible values


def check_numbers_are_finite(project: UserProject) -> None:
    """No NaN and no infinity in any relation, the ledger included."""
    columns = project.rows(
        """
        select table_name, column_name from information_schema.columns
        where
            table_schema = 'main' and data_type = 'DOUBLE'
            and table_name like '%log_loss%'
            and table_name not like 'stg_%'
        """
    )
    assert columns
    queries = [
        f"""
        select '{c["table_name"]}.{c["column_name"]}' as place
        from main.{c["table_name"]} where not isfinite("{c["column_name"]}")
        """
        for c in columns
    ]
    assert project.rows(" union ".join(queries)) == []


def check_losses_are_possible(project: UserProject, epsilon: float) -> None:
    """0 <= loss <= -ln(epsilon); a mean may round up by an ulp or two.

    A loss is never negative, so the relative standard error of a mean is at most 1, and
    the interval reaches at most exp(1.96) times as far as the mean can.
    """
    highest = -math.log(epsilon) * (1 + 1e-12)
    highest_of = {"mean_brier": 2.0, "log_loss_ci_upper": highest * math.exp(Z_95)}
    columns = {
        "log_loss_daily": [
            "mean_log_loss",
            "mean_log_loss_unclipped",
            "weighted_log_loss",
            "mean_log_loss_7d",
            "mean_log_loss_28d",
            "mean_brier",
            "log_loss_ci_lower",
            "log_loss_ci_upper",
        ],
        "log_loss_daily_by_cohort": ["mean_log_loss", "log_loss_ci_upper"],
        "log_loss_daily_by_class": ["mean_log_loss", "log_loss_ci_upper"],
        "log_loss_retroactive_corrections": ["mean_log_loss_as_of"],
        "log_loss_scored_predictions": ["loss"],
    }
    fail_on(
        [
            f"{mart}.{column} is {row[column]}: {row}"
            for mart, names in columns.items()
            for row in project.mart_rows(mart)
            for column in names
            if row[column] is not None
            and not 0 <= row[column] <= highest_of.get(column, highest)
        ]
    )


# ------------------------------------------------------------------ the properties


MEMBERS = 12


@pytest.mark.parametrize("number", range(len(CLOCKS)))
def test_hostile_data(number: int, tmp_path: Path) -> None:
    """A dozen data sets side by side, in projects that have every setting."""
    random = Random(5)
    as_of_date = clock(dealt(CLOCKS, len(CLOCKS), random)[number])
    variables = settings_of_crowds(len(CLOCKS), random)[number]
    variables |= {"log_loss_lookback_days": 3}
    if as_of_date is not None:
        variables["log_loss_as_of_date"] = as_of_date
    data = crowd(
        MEMBERS,
        Random(number),
        variables,
        sizes=tuple(range(50, 81)),
        is_declared=dealt((True, False), len(CLOCKS), random)[number],
        has_loaded_at=dealt((True, True, True, False), len(CLOCKS), random)[number],
    ).data
    check(data, tmp_path)


NOON = datetime(2024, 3, 1, 12)
PREDICTION = prediction_row(UNDECLARED, "r", "v1", NOON, None, 0.25)
LABEL = label_row(UNDECLARED, "r", "1", NOON, None)


@pytest.mark.parametrize(
    ("predictions", "labels"),
    [
        pytest.param([], [], id="empty tables"),
        pytest.param([PREDICTION], [], id="one prediction"),
        pytest.param([], [LABEL], id="one label"),
        pytest.param([PREDICTION], [LABEL], id="one of each"),
        pytest.param(
            [{**PREDICTION, "predicted_at": None}],
            [{**LABEL, "labeled_at": None}],
            id="nothing with a time",
        ),
    ],
)
def test_almost_empty_inputs(
    predictions: list[dict], labels: list[dict], tmp_path: Path
) -> None:
    variables = {
        "log_loss_models": [THREE_CLASSES.declaration],
        "log_loss_cohorts": ["region"],
    }
    data = DataSet(predictions, labels, variables, has_loaded_at=False)
    check(data.with_the_columns_of_its_tables(), tmp_path)


@pytest.mark.parametrize("seed", range(4))
def test_hardly_any_data(seed: int, tmp_path: Path) -> None:
    """Of all kinds of models two requests at most, with all that may be wrong."""
    random = Random(seed)
    models = (UNDECLARED, *DECLARED) if seed % 2 else (UNDECLARED,)
    cases = [request(models, random) for _ in range(1 + seed // 2)]
    variables = {
        **settings_of_crowds(4, Random(6))[seed],
        "log_loss_models": [model.declaration for model in models if model.classes],
    }
    data = DataSet(
        predictions=[row for predictions, _ in cases for row in predictions],
        labels=[row for _, labels in cases for row in labels],
        variables=variables,
        has_loaded_at=seed != 1,
    )
    check(data.with_the_columns_of_its_tables(), tmp_path)


def withdrawn(version: str, sure_count: int, random: Random) -> tuple[list, list]:
    """Near-certain predictions without weight, among others whose labels went away.

    What is left is far smaller than the rounding errors of what was taken back.
    """
    predictions, labels = [], []
    for number in range(2 * sure_count + 8):
        request_id = f"{version}-{number}"
        is_sure = number < 2 * sure_count
        truth = "1" if is_sure and number % 2 else "0"
        probability = float(truth) if is_sure else random.random()
        weight = 0.0 if is_sure else random.random()
        predictions.append(
            prediction_row(
                UNDECLARED, request_id, version, NOON, None, probability, amount=weight
            )
        )
        next_day = NOON + timedelta(days=1)
        labels.append(label_row(UNDECLARED, request_id, truth, next_day, None))
        if not is_sure:
            later = NOON + timedelta(days=2 + number % 8)
            labels.append(label_row(UNDECLARED, request_id, None, later, None))
    return predictions, labels


def test_what_is_taken_back_leaves_no_residue(tmp_path: Path) -> None:
    """Differences of equal sums are not exactly 0, and must not show as numbers."""
    random = Random(1)
    versions = [
        withdrawn(f"v{number}", (0, 1, 30)[number % 3], random) for number in range(24)
    ]
    data = DataSet(
        predictions=[row for predictions, _ in versions for row in predictions],
        labels=[row for _, labels in versions for row in labels],
        variables={"log_loss_weight": "amount"},
        has_loaded_at=True,
    )
    check(data, tmp_path)
