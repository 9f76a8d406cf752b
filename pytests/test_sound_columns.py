"""Each mart has one test of its rows, and it names the key, the column and the problem."""

from __future__ import annotations

import math
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest
import yaml

from harness import REPOSITORY, UserProject, messages, scratch_project

MARTS = {path.stem: path for path in (REPOSITORY / "models" / "marts").rglob("*.sql")}
# the rows that a user puts in, as they are
UNTESTED = {"log_loss_scored_predictions"}
VALUES = {
    "string": "some text",
    "bigint": 1,
    "int": 1,
    "date": date(2026, 1, 1),
    "boolean": True,
    "timestamp": datetime(2026, 1, 1, 12),
    "double": 0.5,
}


def described(mart: str) -> dict:
    [model] = yaml.safe_load(MARTS[mart].with_suffix(".yml").read_text())["models"]
    return model


def type_of(column: dict) -> str:
    # the view of single rows has no contract, and cohorts that differ
    written = column.get("data_type", "string")
    for name in ("double", "timestamp"):
        if name in written:
            return name
    return written


def arguments_of(mart: str) -> dict:
    [test] = described(mart)["data_tests"]
    assert test["log_loss.sound_columns"]["name"] == f"{mart}_is_sound"
    return test["log_loss.sound_columns"]["arguments"]


@pytest.fixture(scope="module")
def queries(whole_demo: UserProject) -> dict[str, str]:
    """The SQL of each mart's test, on a table called `rows`."""
    result = whole_demo.invoke("compile", "--select", "test_type:generic")
    assert result.success
    name = whole_demo.path.stem
    return {
        mart: node.node.compiled_code.replace(f'"{name}"."main"."{mart}"', '"rows"')
        for mart in MARTS
        for node in result.result.results
        if node.node.name == f"{mart}_is_sound"
    }


def test_every_mart_has_its_test(queries: dict[str, str]) -> None:
    assert queries.keys() == MARTS.keys() - UNTESTED


@pytest.mark.parametrize("mart", sorted(MARTS.keys() - UNTESTED))
def test_each_problem_is_found_and_named(queries: dict[str, str], mart: str) -> None:
    columns = {column["name"]: column for column in described(mart)["columns"]}
    arguments = arguments_of(mart)
    key, accepted = arguments["key"], arguments.get("accepted_values", {})
    good = {name: VALUES[type_of(column)] for name, column in columns.items()}
    good |= {
        name: "mean_log_loss" if values == "threshold_rules" else values[0]
        for name, values in accepted.items()
    }
    with duckdb.connect() as connection:
        types = ", ".join(
            f"{name} {'varchar' if type_of(column) == 'string' else type_of(column)}"
            for name, column in columns.items()
        )
        connection.execute(f"create table rows ({types})")

        def found(*rows: dict) -> list[tuple]:
            connection.execute("truncate rows")
            places = ", ".join("?" * len(columns))
            for row in rows:
                connection.execute(f"insert into rows values ({places})", list(row.values()))
            return connection.execute(queries[mart]).fetchall()

        def named(row: dict, problem: str) -> list[tuple]:
            return [(*(row[name] for name in key), problem)]

        assert found(good) == []
        assert found(good, good) == named(good, "the key is repeated")
        for name in [*key, *arguments.get("not_null", [])]:
            broken = good | {name: None}
            assert found(broken) == named(broken, f"{name} is null")
        for name in accepted:
            broken = good | {name: "nonsense"}
            assert found(broken) == named(broken, f"{name} is not one of its values")
        for name, column in columns.items():
            if type_of(column) != "double":
                continue
            for value in (math.nan, math.inf, -math.inf):
                broken = good | {name: value}
                assert found(broken) == named(broken, f"{name} is not finite")
            others = [*key, *arguments.get("not_null", []), *accepted]
            assert found(good | {name: None}) == [] or name in others


def test_a_model_that_is_not_the_packages_is_refused(tmp_path: Path) -> None:
    """Nothing would be known of its columns, and nothing found."""
    project = scratch_project(
        tmp_path,
        {
            "models/own.sql": "select 1 as id",
            "models/own.yml": """
models:
  - name: own
    data_tests:
      - log_loss.sound_columns:
          arguments:
            key: [id]
""",
        },
    )
    result = project.invoke("test", "--select", "own")
    assert not result.success
    assert "give a model of this package" in "\n".join(messages(result))
