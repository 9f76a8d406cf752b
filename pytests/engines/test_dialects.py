"""The SQL for warehouses that are not there: compiled with their adapters, and read.

By sqlglot, which knows each dialect's syntax and checks every column, and for BigQuery
by GoogleSQL's own analyzer, which also knows types and functions. This is conformance
to a dialect, not a run on the warehouse.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from dbt.cli.main import dbtRunner
from sqlglot import exp, parse_one
from sqlglot.optimizer.qualify import qualify

from engines.conftest import check_shipped_target
from harness import REPOSITORY, messages

HERE = Path(__file__).parent
OUTPUTS = {
    "bigquery": {
        "type": "bigquery",
        "method": "oauth-secrets",
        "token": "none",
        "project": "conformance",
        "dataset": "quality",
        "threads": 1,
    },
    "snowflake": {
        "type": "snowflake",
        "account": "nobody",
        "user": "nobody",
        "password": "none",
        "warehouse": "none",
        "database": "CONFORMANCE",
        "schema": "quality",
        "threads": 1,
    },
    "databricks": {
        "type": "databricks",
        "host": "nowhere.invalid",
        "http_path": "none",
        "token": "none",
        "catalog": "conformance",
        "schema": "quality",
        "threads": 1,
    },
    "redshift": {
        "type": "redshift",
        "host": "nowhere.invalid",
        "port": 5439,
        "user": "nobody",
        "password": "none",
        "dbname": "conformance",
        "schema": "quality",
        "threads": 1,
    },
}
TEXT, DOUBLE, TIME = "string", "double", "timestamp"
RAW = {
    "predictions": {
        **dict.fromkeys(("request_id", "model_name", "model_version"), TEXT),
        "predicted_at": "datetime",
        "loaded_at": TIME,
        **dict.fromkeys(("probability", "p_b", "p_c", "amount"), DOUBLE),
        **dict.fromkeys(("p_a", "region", "device"), TEXT),
    },
    "labels": {
        **dict.fromkeys(("request_id", "model_name", "label"), TEXT),
        "labeled_at": TIME,
        "loaded_at": TEXT,
    },
}


@dataclass(frozen=True)
class Query:
    """What one node of the project runs."""

    name: str
    schema: str
    sql: str


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("dialects") / "project"
    shutil.copytree(HERE / "dialects", copy)
    (copy / "packages.yml").write_text(f"packages:\n  - local: {REPOSITORY}\n")
    profile = {"target": "bigquery", "outputs": OUTPUTS}
    (copy / "profiles.yml").write_text(yaml.dump({"dialects": profile}))
    result = invoke(copy, "deps")
    assert result.success, result.exception
    return copy


def invoke(project: Path, *arguments: str):
    return dbtRunner().invoke(
        ["--quiet", "--no-use-colors", *arguments]
        + ["--project-dir", str(project), "--profiles-dir", str(project)]
    )


def compiled(project: Path, dialect: str) -> list[Query]:
    """Every model and data test after what it reads; then the next run's ledger."""
    queries = []
    for is_incremental in (False, True):
        result = invoke(
            project,
            *("compile", "--no-introspect", "--no-populate-cache"),
            *("--target", dialect, "--target-path", str(project / "target" / dialect)),
            *("--vars", json.dumps({"is_incremental_run": is_incremental})),
            *(["--select", "int_log_loss__ledger"] if is_incremental else []),
        )
        assert result.success, messages(result)
        queries += [
            Query(done.node.name, done.node.schema, done.node.compiled_code)
            for done in result.result.results
            if str(done.node.resource_type) in ("model", "test")
        ]
    return queries


@pytest.mark.parametrize("dialect", OUTPUTS)
def test_sqlglot_reads_every_query(project: Path, dialect: str) -> None:
    queries = compiled(project, dialect)
    assert len(queries) > 80
    tables = {("raw", name): columns for name, columns in RAW.items()}
    for query in queries:
        schema: dict = {}
        for (schema_name, name), columns in tables.items():
            schema.setdefault(schema_name, {})[name] = columns
        statement = qualify(
            without_database(parse_one(query.sql, dialect=dialect)),
            dialect=dialect,
            schema=schema,
            validate_qualify_columns=True,
        )
        tables[query.schema, query.name] = dict.fromkeys(
            (name.lower() for name in statement.named_selects), "unknown"
        )


# what each warehouse's adapter is told; what is not in here, it is not told
PARTITIONS = {
    "bigquery": {
        "incremental_strategy": "insert_overwrite",
        "partition_by": {
            "field": "recorded_date", "data_type": "date", "granularity": "day"
        },
    },
    "databricks": {
        "incremental_strategy": "delete+insert",
        "partition_by": ["recorded_date"],
        "file_format": "delta",
    },
    "snowflake": {
        "incremental_strategy": "delete+insert",
        "cluster_by": ["recorded_date"],
    },
    "redshift": {"incremental_strategy": "delete+insert"},
}


@pytest.mark.parametrize("dialect", OUTPUTS)
def test_partitions_are_replaced(project: Path, dialect: str) -> None:
    """In the way that the warehouse's documentation gives for whole partitions."""
    result = invoke(
        project,
        *("ls", "--resource-type", "model", "--select", "int_log_loss__ledger"),
        *("--target", dialect, "--target-path", str(project / "target" / dialect)),
        *("--output", "json", "--output-keys", "config"),
    )
    config = json.loads(result.result[0])["config"]
    names = ("incremental_strategy", "partition_by", "file_format", "cluster_by")
    told = {name: config[name] for name in names if config.get(name) is not None}
    assert told == PARTITIONS[dialect]
    assert config["unique_key"] == "recorded_date"


@pytest.mark.parametrize("dialect", OUTPUTS)
def test_the_shipped_target_is_complete(
    dialect: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_shipped_target(dialect, tmp_path, monkeypatch)


def without_database(statement: exp.Expression) -> exp.Expression:
    for table in statement.find_all(exp.Table):
        table.set("catalog", None)
    return statement


def test_googlesql_accepts_every_query(project: Path) -> None:
    asked = {
        "tables": {
            f"raw_{name}": [(column, type_) for column, type_ in columns.items()]
            for name, columns in RAW.items()
        },
        "queries": [
            {
                "name": query.name,
                "table": f"{query.schema}_{query.name}",
                "sql": query.sql.replace("from raw.", "from raw_"),
            }
            for query in compiled(project, "bigquery")
        ],
    }
    python = os.environ["GOOGLESQL_PYTHON"]
    done = subprocess.run(
        [python, HERE / "googlesql.py"],
        input=json.dumps(asked),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    refused = json.loads(done.stdout)
    # a query over one that was refused is refused as well, and tells nothing new
    causes = {k: why for k, why in refused.items() if "Table not found" not in why}
    assert causes == {}
    assert refused == {}
