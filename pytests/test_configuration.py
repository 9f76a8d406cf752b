"""A wrong setting stops with one message that says what to do, and stops nothing else.

Each message names the variable, what was received and the fix, and comes before the
package has built anything.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from dbt.cli.main import dbtRunnerResult

from harness import (
    LABEL_COLUMNS,
    PREDICTION_COLUMNS,
    UserProject,
    messages,
    scratch_project,
)

INPUTS = {"predictions", "labels"}
# the inputs and all that reads them; dbt skips what comes after
FIRST_MODELS = ("package:user_project", "log_loss.staging", "int_log_loss__ledger")
# every model that reads the settings looks at all of them
A_MODEL = ("stg_log_loss__predictions",)
PREDICTIONS = PREDICTION_COLUMNS | {"region": "varchar", "amount": "double"}
LABELS = LABEL_COLUMNS

PREDICTION = {
    "request_id": "a",
    "model_name": "card",
    "model_version": "1",
    "predicted_at": "2024-01-01 10:00",
    "probability": 0.25,
    "region": "north",
    "amount": 2.0,
}
LABEL = {
    "request_id": "a",
    "model_name": "card",
    "label": "1",
    "labeled_at": "2024-01-02 10:00",
}

# variable, received, fix
MESSAGE = re.compile(
    r"log_loss: the variable `(?P<variable>[^`]+)` is not usable\."
    r" Received: (?P<received>.*?)\. Fix: (?P<fix>.+)"
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> UserProject:
    """One warehouse for every case: a wrong setting must leave it as it is."""
    directory = tmp_path_factory.mktemp("configuration")
    project = UserProject(directory / "warehouse.duckdb", directory / "target")
    load_inputs(project)
    return project


@pytest.fixture
def reloaded(project: UserProject) -> Iterator[UserProject]:
    """The same warehouse for a case that changes the inputs."""
    yield project
    load_inputs(project)


def load_inputs(project: UserProject) -> None:
    """One prediction and its label."""
    project.load("predictions", pd.DataFrame([PREDICTION]), PREDICTIONS)
    project.load("labels", pd.DataFrame([LABEL]), LABELS)


def drop_column(project: UserProject, table: str, column: str) -> None:
    project.query(f"alter table raw.{table} drop column {column}")


def configured(project: UserProject, **settings: object) -> UserProject:
    return replace(
        project,
        variables={f"log_loss_{name}": value for name, value in settings.items()},
    )


def package_relations(project: UserProject) -> set[str]:
    names = project.query(
        "select table_name from information_schema.tables where table_schema = 'main'"
    )["table_name"]
    return set(names) - INPUTS


def only_message(result: dbtRunnerResult) -> re.Match:
    """The one message of a failed command, however many models it stopped."""
    assert not result.success
    found = [MESSAGE.search(text) for text in messages(result)]
    assert found and all(found), messages(result)
    assert len({match.group() for match in found}) == 1, messages(result)
    return found[0]


def assert_stops(
    project: UserProject,
    variable: str,
    received: str,
    fix: str,
    models: tuple[str, ...] = A_MODEL,
) -> re.Match:
    message = only_message(project.invoke("run", "--select", *models))
    assert message["variable"] == f"log_loss_{variable}"
    assert received in message["received"], message.group()
    assert fix in message["fix"], message.group()
    return message


# ---------------------------------------------------------------------------------
# numbers and dates

NUMBERS = {
    "epsilon": ([0, 0.5, -0.001, float("nan"), float("inf"), "small", None, True],
                "greater than 0 and less than 0.5"),
    "probability_sum_tolerance": ([0], "greater than 0 and less than 1"),
    "lookback_days": ([-1, "three", True], "at least 0"),
    "mature_days": ([-1], "at least 0"),
    "mature_coverage": ([0, 1.01, True], "greater than 0 and at most 1"),
    "correction_absolute": ([-0.01], "at least 0"),
    "correction_relative": ([-0.01], "at least 0"),
    "evaluation_days": ([0], "at least 1"),
    "baseline_days": ([13], "at least 14"),
    "alert_history_days": ([0], "at least 1"),
    "hourly_days": ([0, True], "at least 1"),
    "estimate_horizon_days": ([1], "at least 2"),
    "estimate_history_days": ([0, "long"], "at least 1"),
    "minimum_increase": ([-0.01], "at least 0"),
    "ticket_p_value": ([0, 0.5], "greater than 0 and less than 0.5"),
    "page_p_value": ([0, 0.5], "greater than 0 and less than 0.5"),
    "rollback_margin": ([-0.01, None], "at least 0"),
    "promote_margin": ([0], "greater than 0"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "value", "fix"),
    [
        pytest.param(variable, value, fix, id=f"{variable}={value}")
        for variable, (values, fix) in NUMBERS.items()
        for value in values
    ],
)
def test_a_number_out_of_bounds(
    project: UserProject, variable: str, value: object, fix: str
) -> None:
    message = assert_stops(
        configured(project, **{variable: value}), variable, "", f"a number {fix}"
    )
    assert str(value).lower() in message["received"].lower()


def test_a_fraction_of_a_day(project: UserProject) -> None:
    assert_stops(
        configured(project, lookback_days=1.5), "lookback_days", "1.5", "whole number"
    )


@pytest.mark.parametrize("variable", ["as_of_date", "reprocess_from"])
@pytest.mark.parametrize(
    "value",
    ["2024-13-01", "2024/01/01", "2024-1-1", "yesterday", 20240101]
    + [
        pytest.param(
            "2024-02-30",
        )
    ],
)
def test_what_is_no_date(project: UserProject, variable: str, value: object) -> None:
    assert_stops(
        configured(project, **{variable: value}), variable, str(value), "YYYY-MM-DD"
    )


# ---------------------------------------------------------------------------------
# cohorts and weight


@pytest.mark.parametrize(
    ("cohorts", "received", "fix"),
    [
        pytest.param("region", "region", "a list of column names", id="text"),
        pytest.param({"region": 1}, "region", "a list of column names", id="mapping"),
        pytest.param(7, "7", "a list of column names", id="number"),
        pytest.param([7], "7", "as text", id="number in the list"),
        pytest.param([""], "", "as text", id="empty name"),
        pytest.param(["region", "Region"], "`Region` twice", "once", id="repeated"),
        pytest.param(["all"], "`all`", "another name", id="all"),
        pytest.param(["Label"], "`Label`", "another name", id="mart column"),
        pytest.param(
            ["probability_1"],
            "`probability_1`",
            "another name",
            id="probability column of a mart",
        ),
    ],
)
def test_wrong_cohorts(
    project: UserProject, cohorts: object, received: str, fix: str
) -> None:
    assert_stops(configured(project, cohorts=cohorts), "cohorts", received, fix)


@pytest.mark.parametrize("weight", [5, "", ["amount"]], ids=["number", "empty", "list"])
def test_a_weight_that_is_no_column_name(project: UserProject, weight: object) -> None:
    assert_stops(
        configured(project, weight=weight),
        "weight",
        str(weight),
        "the name of a numeric column",
    )


# ---------------------------------------------------------------------------------
# what is normal, and what may be lost

DATES = {"start_date": "2024-01-01", "end_date": "2024-02-01"}
BASELINES = {
    "unknown word": ("last", "last", "first, trailing, validation"),
    "number": (56, "56", "first, trailing, validation"),
    "one date": ({"start_date": "2024-01-01"}, "start_date", "end_date: YYYY-MM-DD"),
    "no date": (DATES | {"end_date": "soon"}, "soon", "YYYY-MM-DD"),
    "backwards": (DATES | {"end_date": "2023-12-31"}, "2023-12-31", "or later"),
}


@pytest.mark.parametrize(("baseline", "received", "fix"), BASELINES.values(), ids=BASELINES)
def test_wrong_baselines(
    project: UserProject, baseline: object, received: str, fix: str
) -> None:
    assert_stops(configured(project, baseline=baseline), "baseline", received, fix)


BUDGETS = {
    "number": (0.1, "0.1", "a mapping"),
    "page as number": ({"page": 3}, "3", "a mapping"),
    "unknown key": ({"page": {"days": 7}}, "days", "leave it out"),
    "text": ({"relative": "much"}, "relative much", "a number of at least 0"),
    "half a day": ({"page": {"short_days": 1.5}}, "short_days 1.5", "whole"),
    "nothing to lose": ({"relative": 0, "absolute": 0}, "no higher", "more than 0"),
    "windows": ({"page": {"short_days": 7}}, "7 and 7 days", "less than long_days"),
    "long window": ({"ticket": {"long_days": 29}}, "29 days", "at most 28"),
    "never reached": ({"page": {"factor": 5}}, "factor 5", "at most 28"),
    "ticket above page": (
        {"page": {"factor": 1.2}}, "ticket factor 1.5", "the page factor be higher"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("budget", "received", "fix"), BUDGETS.values(), ids=BUDGETS)
def test_wrong_error_budgets(
    project: UserProject, budget: object, received: str, fix: str
) -> None:
    assert_stops(configured(project, error_budget=budget), "error_budget", received, fix)


def test_a_stratum_that_is_no_cohort(project: UserProject) -> None:
    wrong = configured(project, cohorts=["region"], stratum="country")
    assert_stops(wrong, "stratum", "country", "one of log_loss_cohorts")


# ---------------------------------------------------------------------------------
# features

AMOUNT = {"column": "amount", "type": "numeric"}
FEATURES = {
    "text": ("amount", "amount", "a list of {column, type}"),
    "one mapping": (AMOUNT, "amount", "a list of {column, type}"),
    "names alone": (["amount"], "amount", "a `column` and a `type`"),
    "no type": ([{"column": "amount"}], "amount", "numeric or categorical"),
    "unknown type": ([AMOUNT | {"type": "text"}], "text", "numeric or categorical"),
    "unknown key": ([AMOUNT | {"bins": 10}], "bins", "may have a `bin_width`"),
    "twice": ([AMOUNT, AMOUNT], "`amount` twice", "once"),
    "no width": ([AMOUNT | {"bin_width": 0}], "bin_width 0", "greater than 0"),
    "width of a category": (
        [{"column": "region", "type": "categorical", "bin_width": 1}],
        "`region` with bin_width 1", "of a numeric feature",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("features", "received", "fix"), FEATURES.values(), ids=FEATURES)
def test_wrong_features(
    project: UserProject, features: object, received: str, fix: str
) -> None:
    assert_stops(configured(project, features=features), "features", received, fix)


# ---------------------------------------------------------------------------------
# models and classes


def declared(*classes: object, name: object = "card") -> list[dict]:
    return [{"name": name, "classes": list(classes)}]


NO = {"label": "no"}
YES = {"label": "yes", "column": "probability"}

MODELS = {
    "text": ("card", "card", "a list of {name, classes}"),
    "one mapping": (declared(NO, YES)[0], "card", "a list of {name, classes}"),
    "no name": ([{"classes": [NO, YES]}], "classes", "give each model a `name`"),
    "numeric name": (declared(NO, YES, name=7), "7", "give each model a `name`"),
    "declared twice": (
        declared(NO, YES) * 2, "model `card` declared twice", "each model once"
    ),
    "no classes": ([{"name": "card"}], "model `card`", "at least two classes"),
    "one class": (declared(YES), "model `card`", "at least two classes"),
    "class as text": (declared("no", "yes"), "class no", "{label: ..., column: ...}"),
    "class without a label": (
        declared(NO, {"column": "probability"}), "model `card`", "{label: ..., column"
    ),
    "two classes without a column": (
        declared(NO, {"label": "yes"}), "the class `yes` without a column",
        "name the column that holds its probability",
    ),
    "three classes, one without a column": (
        declared(YES, {"label": "maybe", "column": "amount"}, NO),
        "the class `no` without a column",
        "name the column that holds its probability",
    ),
    "two classes in one column": (
        declared(YES, {"label": "no", "column": "probability"}),
        "the column `probability` for two classes",
        "a column of its own",
    ),
    "1 and 1.0": (
        declared({"label": "1"}, {"label": "1.0", "column": "probability"}),
        "two classes that read `1`",
        "a label of its own",
    ),
    "true and 1": (
        declared({"label": "true"}, {"label": 1, "column": "probability"}),
        "two classes that read `1`",
        "a label of its own",
    ),
    "case and blanks": (
        declared({"label": "Late "}, {"label": "late", "column": "probability"}),
        "two classes that read `late`",
        "a label of its own",
    ),
    "a YAML yes": (
        declared({"label": False}, {"label": True, "column": "probability"}),
        "the label False, not text",
        "put the label in quotes",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("models", "received", "fix"), MODELS.values(), ids=MODELS)
def test_wrong_models(
    project: UserProject, models: object, received: str, fix: str
) -> None:
    assert_stops(configured(project, models=models), "models", received, fix)


# ---------------------------------------------------------------------------------
# columns that an input lacks


@pytest.mark.parametrize(
    ("settings", "column"),
    [
        ({"cohorts": ["country"]}, "country"),
        ({"weight": "price"}, "price"),
        ({"models": declared(NO, YES | {"column": "p_yes"})}, "p_yes"),
        ({"features": [AMOUNT | {"column": "price"}]}, "price"),
    ],
    ids=["cohort", "weight", "class", "feature"],
)
def test_a_column_that_a_setting_asks_for(
    project: UserProject, settings: dict, column: str
) -> None:
    """The message names the column, who asks for it and what there is instead."""
    asked_by = f"log_loss_{next(iter(settings))}"
    message = assert_stops(
        configured(project, **settings),
        "predictions",
        f"user_project.predictions, which has no column `{column}`",
        f"add the column `{column}` to that model, or change {asked_by}",
        FIRST_MODELS,
    )
    assert asked_by in message["received"]
    assert ", ".join(PREDICTIONS) in message["received"]


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("predictions", "request_id"),
        ("predictions", "model_version"),
        ("predictions", "predicted_at"),
        ("predictions", "probability"),
        ("labels", "label"),
        ("labels", "labeled_at"),
    ],
)
def test_a_column_that_every_input_has(
    reloaded: UserProject, table: str, column: str
) -> None:
    drop_column(reloaded, table, column)
    lacks = f"user_project.{table}, which has no column `{column}`"
    assert_stops(reloaded, table, lacks, column, FIRST_MODELS)


def test_a_column_that_both_inputs_lack(reloaded: UserProject) -> None:
    """Two findings, one message for each."""
    drop_column(reloaded, "predictions", "model_name")
    drop_column(reloaded, "labels", "model_name")
    texts = messages(reloaded.invoke("run", "--select", *FIRST_MODELS))
    found = [MESSAGE.search(text) for text in texts]
    assert {match["variable"] for match in found if match} == {
        "log_loss_predictions",
        "log_loss_labels",
    }


def test_probability_may_be_missing_where_every_model_is_declared(
    reloaded: UserProject, tmp_path: Path
) -> None:
    drop_column(reloaded, "predictions", "probability")
    models = declared(NO, {"label": 1, "column": "amount"})
    own = replace(
        configured(reloaded, models=models), path=tmp_path / "warehouse.duckdb"
    )
    reloaded.query("checkpoint")
    shutil.copy(reloaded.path, own.path)
    own.run("--select", "+stg_log_loss__predictions")
    assert own.mart("stg_log_loss__predictions")["probability_2"].tolist() == [2.0]


def test_optional_inputs_without_their_columns(project: UserProject) -> None:
    """Four findings, one message for each."""
    columns = {
        "thresholds": "rule",
        "suppressions": "starts_at",
        "deployments": "model_version",
        "training_metrics": "model_version",
    }
    wrong = configured(project, **dict.fromkeys(columns, "user_project.labels"))
    before = package_relations(project)
    optional = [f"stg_log_loss__{name}" for name in columns]
    result = wrong.invoke("run", "--select", "package:user_project", *optional)
    assert not result.success
    found = [MESSAGE.search(text) for text in messages(result)]
    assert found and all(found), messages(result)
    assert len({match.group() for match in found}) == len(columns)
    by_variable = {match["variable"]: match for match in found}
    assert by_variable.keys() == {f"log_loss_{name}" for name in columns}
    for name, column in columns.items():
        message = by_variable[f"log_loss_{name}"]
        assert f"no column `{column}`" in message["received"], message.group()
        assert column in message["fix"], message.group()
    assert package_relations(project) == before


# ---------------------------------------------------------------------------------
# when the check runs, and when it does not


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> UserProject:
    """A warehouse without the package and a setting that the package cannot use."""
    directory = tmp_path_factory.mktemp("wrong")
    project = UserProject(directory / "warehouse.duckdb", directory / "target")
    load_inputs(project)
    return configured(project, epsilon=0)


@pytest.mark.parametrize(
    "command",
    [
        ["parse"],
        ["ls"],
        ["ls", "--select", "+log_loss_daily"],
        ["run", "--select", "predictions labels"],
        ["build", "--select", "package:user_project"],
        ["compile", "--select", "predictions"],
        ["compile", "--inline", "select * from {{ ref('predictions') }}"],
    ],
    ids=" ".join,
)
def test_a_command_without_the_package_is_not_stopped(
    wrong: UserProject, command: list[str]
) -> None:
    result = replace(wrong, is_parsed_anew=True).invoke(*command)
    assert result.success, messages(result)
    assert package_relations(wrong) == set()


@pytest.mark.parametrize(
    "command",
    [
        ["compile"],
        ["run", "--select", "+stg_log_loss__predictions"],
        ["run", "--select", "+stg_log_loss__labels"],
    ],
    ids=" ".join,
)
def test_a_part_of_the_package_is_stopped(
    wrong: UserProject, command: list[str]
) -> None:
    assert only_message(wrong.invoke(*command))["variable"] == "log_loss_epsilon"
    assert package_relations(wrong) == set()


def test_a_wrong_setting_builds_nothing(wrong: UserProject) -> None:
    assert only_message(wrong.invoke("build"))["variable"] == "log_loss_epsilon"
    assert package_relations(wrong) == set()


# ---------------------------------------------------------------------------------
# settings that are right


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> UserProject:
    """A run with every kind of setting, each as loosely written as is allowed."""
    directory = tmp_path_factory.mktemp("built")
    project = configured(
        UserProject(directory / "warehouse.duckdb", directory / "target"),
        # YAML reads 1e-12, without a point, as text
        epsilon="1e-12",
        lookback_days="4",
        cohorts=["Region"],
        weight="AMOUNT",
        models=declared(YES, {"label": 0}, name="O'Brien's"),
        reprocess_from="2024-01-01",
        suppressions="",
    )
    loaded = pd.DataFrame([PREDICTION | {"loaded_at": "2024-01-01 11:00"}])
    project.load("predictions", loaded, PREDICTIONS | {"loaded_at": "timestamp"})
    project.load("labels", pd.DataFrame([LABEL]), LABELS)
    project.run()
    return project


@pytest.fixture
def copied(built: UserProject, tmp_path: Path) -> UserProject:
    """The same for a test that changes it."""
    built.query("checkpoint")
    shutil.copy(built.path, tmp_path / "warehouse.duckdb")
    return replace(built, path=tmp_path / "warehouse.duckdb")


def test_loosely_written_settings_are_understood(built: UserProject) -> None:
    by_cohort = built.mart("log_loss_daily_by_cohort")
    assert by_cohort[["cohort_name", "cohort_value"]].to_numpy().tolist() == [
        ["Region", "north"]
    ]
    scored = built.mart("log_loss_scored_predictions")
    assert scored["weight"].tolist() == [2.0]
    assert scored["region"].tolist() == ["north"]
    ledger = built.query(
        "select max(fingerprint) as fingerprint from main.int_log_loss__ledger"
    )
    assert "log_loss_epsilon=1e-12" in ledger["fingerprint"].item()


def test_the_clock_can_be_set(copied: UserProject) -> None:
    copied.variables = {**copied.variables, "log_loss_as_of_date": "2024-01-01"}
    copied.run("--select", "int_log_loss__clock")
    clock = copied.mart("int_log_loss__clock")
    assert clock["as_of_date"].astype(str).tolist() == ["2024-01-01"]


def test_good_settings_compile_before_the_first_run(
    built: UserProject, tmp_path: Path
) -> None:
    """`docs generate` compiles every model."""
    result = replace(built, path=tmp_path / "empty.duckdb").invoke("docs", "generate")
    assert result.success, messages(result)


@pytest.mark.parametrize("command", ["compile", "docs generate"])
def test_good_settings_compile_after_a_run(built: UserProject, command: str) -> None:
    result = built.invoke(*command.split())
    assert result.success, messages(result)


def test_an_empty_build_works_after_a_run(copied: UserProject) -> None:
    """`--empty` is how continuous integration checks that the SQL is valid."""
    result = copied.invoke("run", "--empty")
    assert result.success, messages(result)


def test_public_macros_work_in_the_users_own_models(project: UserProject) -> None:
    result = project.invoke(
        "compile",
        "--inline",
        "select {{ log_loss.mean_log_loss('label', 'probability') }} from t",
    )
    assert result.success, messages(result)


def test_a_setting_that_changed_since_the_stored_rows(copied: UserProject) -> None:
    """The stored sums were made with the old value: adding new ones would be wrong."""
    copied.variables = {**copied.variables, "log_loss_epsilon": 1e-6}
    message = assert_stops(
        copied, "epsilon", "(log_loss_epsilon=1e-12)", "--full-refresh", FIRST_MODELS
    )
    assert "(log_loss_epsilon=1e-06)" in message["received"]
    copied.full_refresh()
    assert copied.mart("log_loss_daily")["labeled_count"].tolist() == [1]


@pytest.fixture(scope="module")
def with_other_inputs(tmp_path_factory: pytest.TempPathFactory) -> UserProject:
    """A ledger, and of each input another model with the same rows."""
    others = {
        f"models/other_{table}.sql": f"select * from raw.{table}" for table in INPUTS
    }
    project = scratch_project(tmp_path_factory.mktemp("others"), others)
    load_inputs(project)
    project.run("--select", "+int_log_loss__ledger", "package:user_project")
    return project


@pytest.mark.parametrize("table", ["predictions", "labels"])
def test_an_input_that_changed_since_the_stored_rows(
    with_other_inputs: UserProject, table: str
) -> None:
    """The same columns, but what is stored was read from other rows."""
    project = with_other_inputs
    project.full_refresh("--select", "int_log_loss__ledger")
    same = configured(project, **{table: f"user_project.{table}"})
    same.run("--select", "int_log_loss__ledger")
    other = configured(project, **{table: f"user_project.other_{table}"})
    before = project.mart_rows("int_log_loss__ledger")
    received = f"not that of the stored ledger (log_loss_{table}={table})"
    message = assert_stops(other, table, received, "", FIRST_MODELS)
    command = "`dbt build --full-refresh --select package:log_loss`"
    assert command in message["fix"]
    assert other.mart_rows("int_log_loss__ledger") == before
    other.full_refresh("--select", "+int_log_loss__ledger")
    other.run("--select", "int_log_loss__ledger")
