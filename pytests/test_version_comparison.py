"""Two versions on the same days, beside an implementation with NumPy and SciPy."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pytest
from numpy.random import Generator, default_rng

from flights import sql_type
from harness import (
    LABEL_COLUMNS,
    PREDICTION_COLUMNS,
    UserProject,
    failing_rows,
    outcomes_of,
    scratch_project,
)
from oracle import Oracle, fail_on
from oracle_decisions import Pair, sequence, version_comparison

FIRST_LOOK = date(2024, 3, 8)
PAIR = Pair("flight_late", "v2", "v1", "canary", date(2013, 6, 1), date(2013, 7, 31))
DEPLOYMENTS = [
    ("flight_late", "v1", "serving", datetime(2013, 6, 1), datetime(2013, 8, 1)),
    # retired in the first second of a day, it has that day no more
    ("flight_late", "v2", "Canary ", datetime(2013, 6, 1, 9), datetime(2013, 8, 1)),
    # without a start it has no effect
    ("flight_late", "v2", "shadow", None, None),
]


@pytest.fixture(scope="module")
def compared(
    whole_demo: UserProject, tmp_path_factory: pytest.TempPathFactory
) -> UserProject:
    directory = tmp_path_factory.mktemp("compared")
    project = scratch_project(
        directory,
        {"models/deployments.sql": "select * from raw.deployments"},
        {**whole_demo.variables, "log_loss_deployments": "user_project.deployments"},
        whole_demo,
    )
    names = ("model_name", "model_version", "role", "deployed_at", "retired_at")
    project.load_rows(
        "deployments",
        [{**dict(zip(names, row, strict=True)), "note": None} for row in DEPLOYMENTS],
        {name: sql_type(name) for name in (*names, "note")},
    )
    project.run(
        "--select",
        "deployments+,+log_loss_version_comparison",
        "int_log_loss__clock+,+log_loss_version_comparison",
    )
    return project


def test_deployments_without_effect_are_found(compared: UserProject) -> None:
    test = "assert_deployments_are_usable"
    result = compared.invoke("test", "--select", test)
    found = failing_rows(compared, result, test)
    assert found[["model_version", "role"]].values.tolist() == [["v2", "shadow"]]

    [node] = result.result.results
    start, end = "timestamp '2013-06-01'", "timestamp '2013-07-01'"
    for row, is_usable in [
        (f"('m', 'v1', 'serving', {start}, null, null)", True),
        (f"('m', 'v1', 'serving', {start}, {start}, null)", True),
        (f"(null, 'v1', 'serving', {start}, {end}, null)", False),
        (f"('m', null, 'serving', {start}, {end}, null)", False),
        (f"('m', 'v1', null, {start}, {end}, null)", False),
        (f"('m', 'v1', 'champion', {start}, {end}, null)", False),
        (f"('m', 'v1', 'serving', {end}, {start}, null)", False),
    ]:
        wrong = compared.query_after(
            ["truncate raw.deployments", f"insert into raw.deployments values {row}"],
            node.node.compiled_code,
        )
        assert len(wrong) == (0 if is_usable else 1), row


@pytest.mark.parametrize("method", ["stratified", "paired"])
def test_every_look_is_scipys(
    compared: UserProject, oracle: Oracle, method: str
) -> None:
    """Both scored the requests of June, and one of them those of July."""
    stratum = "origin" if method == "stratified" else None
    expected = {
        row["metric_date"]: row for row in version_comparison(oracle, PAIR, stratum)
    }
    actual = {
        row["metric_date"]: row
        for row in compared.mart_rows("log_loss_version_comparison")
        if row["method"] == method
    }
    assert len(expected) > 7
    assert actual.keys() == expected.keys()
    assert {row["decision"] for row in expected.values()} > {"keep_collecting"}
    hidden = {"rarest", "median", "baseline_mean", "pooled_count"}
    fail_on(
        [
            f"{day} {name}: {actual[day][name]!r}, not {value!r}"
            for day, row in expected.items()
            for name, value in row.items()
            if name not in hidden and not is_near(name, actual[day][name], value)
        ]
    )


def is_near(name: str, actual: object, expected: object) -> bool:
    if isinstance(expected, float):
        error = 1e-7 if name == "p_value" else 1e-9
        return actual is not None and actual == pytest.approx(expected, rel=error)
    return actual == expected


# --------------------------------------------------------------------------------------
# The largest of three errors

# days, by how much those of the candidate differ, and its rows beside the other's
VARIED = {
    "days": (8, 0.5, 1.0),
    "too few days": (6, 0.5, 2.0),
    "candidate": (8, 0.0, 2.0),
    "rows": (8, 0.0, 0.5),
}
SIDES = {"v2": 40, "v1": 200}


def varied_days(model: str) -> list[dict[str, np.ndarray]]:
    """The losses of each version on each day."""
    count, of_days, of_rows = VARIED[model]
    random = default_rng(3)
    found = []
    for number in range(count):
        noise = {side: random.normal(0, 0.02, size) for side, size in SIDES.items()}
        v2, v1 = (rows - rows.mean() for rows in noise.values())
        found.append({"v2": 1 + of_days * (number % 2) + of_rows * v2, "v1": 1 + v1})
    return found


def variances_of(days: list[dict[str, np.ndarray]]) -> dict[str, float]:
    """Welch's, that of both versions pooled, and that between days."""
    sizes = np.array([[len(day[side]) for side in SIDES] for day in days])
    weights = sizes.prod(axis=1) / sizes.sum(axis=1)
    gaps = np.array([d["v2"].mean() - d["v1"].mean() for d in days])
    total, count = weights.sum(), len(days)

    def pooled(*sides: str) -> float:
        rows = [d[side] for d in days for side in sides]
        return sum(len(r) * r.var() for r in rows) / sum(len(r) - 1 for r in rows)

    welch = sum(
        pooled(side) * np.sum(weights**2 / sizes[:, place])
        for place, side in enumerate(SIDES)
    )
    found = {"candidate": welch / total**2, "rows": pooled(*SIDES) / total}
    if count >= 7:
        spread = np.sum((weights * (gaps - np.average(gaps, weights=weights))) ** 2)
        found["days"] = count / (count - 1) * spread / total**2
    return found


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> UserProject:
    """The differences between versions whose states of days are given."""
    directory = tmp_path_factory.mktemp("varied")
    project = UserProject(directory / "warehouse.duckdb", directory / "target")
    compared, states = [], []
    for model in VARIED:
        days = varied_days(model)
        last = FIRST_LOOK + timedelta(days=len(days) - 1)
        for number, sides in enumerate(days):
            at = FIRST_LOOK + timedelta(days=number)
            compared.append(
                {
                    "model_name": model, "candidate_version": "v2",
                    "serving_version": "v1", "role": "canary",
                    "through_date": last, "as_of_date": last, "metric_date": at,
                }
            )  # fmt: skip
            for version, losses in sides.items():
                for label, rows in (("0", losses[::2]), ("1", losses[1::2])):
                    states.append(
                        {
                            "metric_date": at, "model_name": model,
                            "model_version": version, "cohort_name": "all",
                            "cohort_value": "all", "label": label, "known_from": at,
                            "known_until": date(9999, 12, 31),
                            "labeled_count": len(rows),
                            "loss_sum": float(rows.sum()),
                            "loss_squared_sum": float((rows**2).sum()),
                        }
                    )  # fmt: skip
    types = {str: "varchar", int: "bigint", float: "double", date: "date"}
    for name, rows in (("compared_days", compared), ("day_states", states)):
        project.load_rows(name, rows, {key: types[type(v)] for key, v in rows[0].items()})
        project.query(f"create table main.int_log_loss__{name} as from raw.{name}")
    project.query(
        "create table main.int_log_loss__pair_sums as select model_name,"
        " candidate_version, serving_version, metric_date, '0' as label,"
        " metric_date as known_from, metric_date as known_until, 0 as pair_count,"
        " 0.0 as difference_sum, 0.0 as difference_squared_sum, 0.0 as serving_loss_sum"
        " from raw.compared_days where 1 = 0"
    )
    project.run("--select", "int_log_loss__version_differences")
    return project


@pytest.mark.parametrize("model", VARIED)
def test_the_largest_error_counts(varied: UserProject, model: str) -> None:
    [row] = varied.rows(
        "select * from main.int_log_loss__version_differences"
        f" where model_name = '{model}'"
    )
    variances = variances_of(varied_days(model))
    largest = max(variances, key=variances.get)
    assert largest == ("candidate" if model == "too few days" else model)
    assert row["standard_error"] == pytest.approx(np.sqrt(variances[largest]), rel=1e-6)
    assert row["candidate_rarest_count"] == SIDES["v2"] / 2 * len(varied_days(model))


# --------------------------------------------------------------------------------------
# When there is enough

# at every limit; half of its sequence is 2.83 standard errors wide
LOOK = {
    "day_count": 7,
    "overlap_share": 0.8,
    "candidate_count": 300,
    "serving_count": 2700,
    "candidate_rarest_count": 10,
    "serving_rarest_count": 10,
    "median_labeled_count": 400,
    "serving_mean_log_loss": 0.8,
    "difference": -0.01,
    "standard_error": 0.01,
}
# what differs in each look, and the decisions
LOOKS: dict[str, tuple[list[dict], list[str]]] = {
    "enough": ([{}], ["promote"]),
    "worse": ([{"difference": 0.05}], ["rollback"]),
    # within the margin of 0.04 and above nothing, as far as it goes
    "neither": ([{"difference": 0.02}], ["keep_collecting"]),
    "six days": ([{"day_count": 6}], ["keep_collecting"]),
    "little overlap": ([{"overlap_share": 0.795}], ["keep_collecting"]),
    "few labels": ([{"candidate_count": 299}], ["keep_collecting"]),
    "few labels beside it": ([{"serving_count": 299}], ["keep_collecting"]),
    "few of a class": ([{"candidate_rarest_count": 9}], ["keep_collecting"]),
    "few of a class beside it": ([{"serving_rarest_count": 9}], ["keep_collecting"]),
    "three classes": (
        [{"candidate_rarest_count": None, "serving_rarest_count": None}], ["promote"]
    ),
    # five percent of it would be less than a hundredth of a nat
    "low loss": (
        [{"serving_mean_log_loss": 0.1, "difference": 0.002, "standard_error": 0.002}],
        ["promote"],
    ),
    "changes": (
        [{"difference": 0.02}, {}, {"difference": 0.05}, {"difference": 0.02}],
        ["keep_collecting", "promote", "promote", "promote"],
    ),
    # the sequence keeps what its first week of labels says
    "grows": (
        [{"median_labeled_count": None}, {"difference": 0.02}]
        + [{"difference": 0.02, "median_labeled_count": 4000}],
        ["keep_collecting"] * 3,
    ),
}  # fmt: skip


def looks_of(model: str) -> list[dict]:
    return [
        {
            "method": "stratified",
            "model_name": model,
            "candidate_version": "v2",
            "serving_version": "v1",
            "role": "canary",
            "through_date": FIRST_LOOK + timedelta(days=number),
            "as_of_date": FIRST_LOOK + timedelta(days=number + 2),
            **LOOK,
            **others,
        }
        for number, others in enumerate(LOOKS[model][0])
    ]


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> UserProject:
    """The decisions on looks that are given, each model a case of its own."""
    directory = tmp_path_factory.mktemp("decided")
    project = UserProject(directory / "warehouse.duckdb", directory / "target")
    rows = [
        {**look, "pooled_count": look["candidate_count"] + look["serving_count"]}
        for model in LOOKS
        for look in looks_of(model)
    ]
    types = {str: "varchar", int: "bigint", float: "double", date: "date"}
    project.load_rows(
        "looks", rows, {name: types[type(value)] for name, value in rows[0].items()}
    )
    project.query(
        "create table main.int_log_loss__version_differences as from raw.looks"
    )
    project.run("--select", "int_log_loss__canary_decisions")
    return project


@pytest.mark.parametrize("model", LOOKS, ids=lambda model: model.replace(" ", "_"))
def test_a_decision_needs_enough_of_everything(decided: UserProject, model: str) -> None:
    actual = decided.rows(
        "select * from main.int_log_loss__canary_decisions"
        f" where model_name = '{model}' order by metric_date"
    )
    looks, decisions = looks_of(model), LOOKS[model][1]
    assert [row["decision"] for row in actual] == decisions
    medians = [look["median_labeled_count"] for look in looks]
    first_median = next(median for median in medians if median)
    first_decision = None
    for row, look, decision in zip(actual, looks, decisions, strict=True):
        is_tuned = look["median_labeled_count"] is not None
        expected = sequence(
            {
                "difference": look["difference"],
                "standard_error": look["standard_error"],
                "pooled_count": look["candidate_count"] + look["serving_count"],
                "baseline_mean": look["serving_mean_log_loss"],
                "day_count": look["day_count"],
                "overlap_share": look["overlap_share"],
                "candidate_labeled_count": look["candidate_count"],
                "serving_labeled_count": look["serving_count"],
                "rarest": 10,
            },
            14 * first_median if is_tuned else None,
        )
        if decision != "keep_collecting" and first_decision is None:
            first_decision = look["as_of_date"]
        assert row["first_decision_date"] == first_decision
        for name in ("sequence_half_width", "promote_margin", "labels_still_needed"):
            value = expected[name]
            assert row[name] == (value and pytest.approx(value, rel=1e-9)), name


# --------------------------------------------------------------------------------------
# Harder traffic

DEPLOYED = [("v1", "serving"), ("v2", "canary")]


def traffic(
    model: str,
    version: str,
    sharpness: float,
    hard_share: float,
    count: int,
    random: Generator,
) -> tuple[list[dict], list[dict]]:
    """Ten days of one version; hard rows are near a coin toss for any model."""
    predictions, labels = [], []
    for number in range(10 * count):
        asked_at = datetime(2024, 3, 1, 12) + timedelta(days=number % 10)
        is_hard = random.random() < hard_share
        truth = random.random() < 0.5
        score = (0.55 if is_hard else 0.9) + sharpness + random.normal(0, 0.02)
        request = f"{version}-{number}"
        predictions.append(
            {
                "request_id": request,
                "model_name": model,
                "model_version": version,
                "predicted_at": asked_at,
                "probability": score if truth else 1 - score,
                "difficulty": "hard" if is_hard else "easy",
            }
        )
        labels.append(
            {
                "request_id": request,
                "model_name": model,
                "label": str(int(truth)),
                "labeled_at": asked_at + timedelta(hours=1),
            }
        )
    return predictions, labels


# what the canary's scores are sharper by
ROUTERS = {"better": 0.02, "worse": -0.05}


@pytest.fixture(scope="module", params=["difficulty", "all"])
def routers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> UserProject:
    """A model with each canary, compared within strata or without."""
    project = scratch_project(
        tmp_path_factory.mktemp("routers"),
        {"models/deployments.sql": "select * from raw.deployments"},
        {
            "log_loss_deployments": "user_project.deployments",
            "log_loss_cohorts": ["difficulty"],
            "log_loss_stratum": request.param,
            "log_loss_as_of_date": "2024-03-12",
        },
    )
    predictions, labels, deployments = [], [], []
    for model, sharpness in ROUTERS.items():
        random = default_rng(7)
        for rows in (
            traffic(model, "v1", 0, 0.2, 400, random),
            traffic(model, "v2", sharpness, 0.8, 100, random),
        ):
            predictions += rows[0]
            labels += rows[1]
        deployments += [
            {
                "model_name": model,
                "model_version": version,
                "role": role,
                "deployed_at": datetime(2024, 3, 1),
                "retired_at": None,
                "note": None,
            }
            for version, role in DEPLOYED
        ]
    columns = {**PREDICTION_COLUMNS, "difficulty": "varchar"}
    project.load_rows("predictions", predictions, columns)
    project.load_rows("labels", labels, LABEL_COLUMNS)
    types = {name: sql_type(name) for name in deployments[0]}
    project.load_rows("deployments", deployments, types)
    project.run(
        "--select", "+log_loss_version_comparison", "+log_loss_alerts",
        "+log_loss_threshold_status",
    )  # fmt: skip
    return project


@pytest.mark.parametrize("model", ROUTERS)
def test_harder_traffic_is_no_reason_to_roll_back(
    routers: UserProject, model: str
) -> None:
    is_stratified = routers.variables["log_loss_stratum"] == "difficulty"
    # what the trap is: without strata the better canary looks worse
    is_promoted = model == "better" and is_stratified
    decision = "promote" if is_promoted else "rollback"
    looks = routers.rows(
        f"select * from main.log_loss_version_comparison where model_name = '{model}'"
    )
    last = max(looks, key=lambda row: row["metric_date"])
    assert last["decision"] == decision
    assert last["day_count"] == 10
    [verdict] = routers.rows(
        "select status from main.log_loss_threshold_status"
        f" where rule = 'canary_difference' and model_name = '{model}'"
    )
    assert verdict["status"] == ("error" if decision == "rollback" else "ok")
    pages = routers.rows(
        "select severity from main.log_loss_alerts where rule = 'canary_difference'"
        f" and alert_date = date '2024-03-12' and model_name = '{model}'"
    )
    assert pages == ([{"severity": "page"}] if decision == "rollback" else [])


def test_a_canary_to_be_rolled_back_fails_its_gate(routers: UserProject) -> None:
    gate = "assert_no_canary_rollback"
    result = routers.invoke("test", "--select", gate)
    assert outcomes_of(result) == {gate: "fail"}
    # without strata the better canary looks worse
    is_stratified = routers.variables["log_loss_stratum"] == "difficulty"
    expected = ["worse"] if is_stratified else ["better", "worse"]
    found = failing_rows(routers, result, gate)
    assert sorted(found["model_name"]) == expected
    assert set(found["severity"]) == {"rollback"}
