"""A user's project in a temporary DuckDB file, run in process with dbt."""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import json
import os
import pickle
import shlex
import shutil
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from tempfile import mkdtemp

import duckdb
import pandas as pd
import yaml
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt_common.tests import enable_test_caching
from jinja2 import Environment

# names the directory in the environment, which the processes of a session share
PARSED = "LOG_LOSS_TEST_PARSED"
PROJECT = Path(__file__).parent / "project"
REPOSITORY = Path(__file__).parent.parent

CORE_ONLY = ("--exclude", "tag:log_loss_decisions", "tag:log_loss_diagnosis")
# what is made anew by every run, from the ledger and from small relations that its own
# tests do not read
LEDGER_ONLY = (
    *CORE_ONLY,
    "log_loss_scored_predictions+",
    "log_loss_hourly",
    "stg_log_loss__thresholds",
    "stg_log_loss__suppressions",
    "stg_log_loss__deployments",
    "stg_log_loss__training_metrics+",
    "log_loss_default_thresholds",
)
# with tag:log_loss_diagnosis: what is read beside it
MARTS = ("+log_loss.marts.performance", "+log_loss.marts.rows")
NO_DIAGNOSIS = ("--exclude", "tag:log_loss_diagnosis")
PREDICTION_COLUMNS = {
    "request_id": "varchar",
    "model_name": "varchar",
    "model_version": "varchar",
    "predicted_at": "timestamp",
    "probability": "double",
}
LABEL_COLUMNS = {
    "request_id": "varchar",
    "model_name": "varchar",
    "label": "varchar",
    "labeled_at": "timestamp",
}
# What parsing looks at, with the defaults: which models are referred to, and which tests
# there are. All else is read from the variables of the command that compiles.
PARSED_VARIABLES = {
    "log_loss_predictions": "user_project.predictions",
    "log_loss_labels": "user_project.labels",
    "log_loss_thresholds": None,
    "log_loss_suppressions": None,
    "log_loss_deployments": None,
    "log_loss_training_metrics": None,
    "log_loss_unique_predictions": False,
    "log_loss_label_horizon_days": None,
    "log_loss_gates": "thresholds",
}
TAKES_A_MANIFEST = {"run", "build", "test", "compile", "ls", "seed"}


@dataclass
class UserProject:
    """One database, one set of variables; `run` builds the package on what it holds.

    Parsing takes longer than a run on few rows. So a process parses once what several
    commands would parse alike, and passes it on; what dbt keeps of it helps the others.
    """

    path: Path
    target_path: Path
    variables: dict = field(default_factory=dict)
    project: Path = PROJECT
    # where profiles.yml is, if not in the project
    profiles: Path | None = None
    schema: str = "main"
    # every command parses, and writes its log and its artifacts, as a user's does
    is_parsed_anew: bool = False

    def invoke(self, *arguments: str) -> dbtRunnerResult:
        """Run dbt and return its result, without raising on failures."""
        if self.is_parsed_anew or arguments[0] not in TAKES_A_MANIFEST:
            return self._invoke(dbtRunner(), *arguments)
        parsed = self._parsed()
        if parsed is None:
            return self._invoke(dbtRunner(), *arguments)
        # dbt notes in a manifest what it compiled, so that each command has its own
        quick = ["--no-write-json", "--log-level-file", "none"]
        return self._invoke(dbtRunner(pickle.loads(parsed)), *quick, *arguments)

    def _parsed(self) -> bytes | None:
        """This project's manifest, if it can be parsed.

        The name of the database is in it, and so is the catalog's.
        """
        deciding = {
            name: self.variables[name]
            for name, default in PARSED_VARIABLES.items()
            if self.variables.get(name, default) != default
        }
        if "log_loss_label_horizon_days" in deciding:
            deciding["log_loss_label_horizon_days"] = 1
        settings = json.dumps([self.path.name, deciding])
        key = (str(self.project), str(self.profiles), files_of(self.project), settings)
        if key not in _manifests:
            # with the same settings dbt parses again only the files that differ
            name = hashlib.md5(settings.encode()).hexdigest()
            target = parsed_directory() / name
            target.mkdir(exist_ok=True)
            unopened = target / self.path.name
            users_own = {
                name: value
                for name, value in self.variables.items()
                if not name.startswith("log_loss_")
            }
            parsing = replace(
                self, path=unopened, target_path=target, variables=users_own | deciding
            )
            with (target / "lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                result = parsing._invoke(dbtRunner(), "parse")
            _manifests[key] = pickle.dumps(result.result) if result.success else None
        return _manifests[key]

    def _invoke(self, runner: dbtRunner, *arguments: str) -> dbtRunnerResult:
        os.environ["LOG_LOSS_TEST_PATH"] = str(self.path)
        return runner.invoke(
            [
                "--quiet",
                "--no-use-colors",
                *arguments,
                "--project-dir",
                str(self.project),
                "--profiles-dir",
                str(self.profiles or self.project),
                "--target-path",
                str(self.target_path),
                "--log-path",
                str(self.target_path),
                "--vars",
                json.dumps(self.variables),
            ]
        )

    def run(self, *arguments: str) -> None:
        """`dbt run` of everything; raises with dbt's own messages."""
        result = self.invoke("run", *arguments)
        if not result.success:
            raise AssertionError("\n".join(messages(result)))

    def full_refresh(self, *arguments: str) -> None:
        self.run("--full-refresh", *arguments)

    def load(
        self, table: str, rows: pd.DataFrame, columns: dict[str, str], append=False
    ) -> None:
        """Put rows into raw.`table` with the given SQL types."""
        types = ", ".join(f'"{name}" {type_}' for name, type_ in columns.items())
        casts = ", ".join(f'cast("{name}" as {type_})' for name, type_ in columns.items())
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("create schema if not exists raw")
            if not append:
                connection.execute(f"create or replace table raw.{table} ({types})")
            if len(rows):
                connection.register("new_rows", rows)
                connection.execute(
                    f"insert into raw.{table} select {casts} from new_rows"
                )

    def load_rows(
        self, table: str, rows: list[dict], columns: dict[str, str], append=False
    ) -> None:
        """As `load`, from plain Python values: None stays null and NaN stays NaN."""
        texts = [
            [None if row[name] is None else str(row[name]) for name in columns]
            for row in rows
        ]
        frame = pd.DataFrame(texts, columns=list(columns), dtype=object)
        self.load(table, frame, columns, append)

    def rows(self, sql: str) -> list[dict]:
        """A query's result as plain Python values, where null is None and never NaN."""
        with duckdb.connect(str(self.path)) as connection:
            result = connection.execute(sql)
            names = [column[0] for column in result.description]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def mart_rows(self, name: str) -> list[dict]:
        return self.rows(f"select * from {self.schema}.{name}")

    def query(self, sql: str) -> pd.DataFrame:
        with duckdb.connect(str(self.path)) as connection:
            return connection.execute(sql).df()

    def query_after(self, changes: list[str], sql: str) -> pd.DataFrame:
        """A query's result after changes to the tables, which are then taken back."""
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("begin")
            for change in changes:
                connection.execute(change)
            result = connection.execute(sql).df()
            connection.execute("rollback")
        return result

    def mart(self, name: str) -> pd.DataFrame:
        return self.query(f"select * from main.{name}")


_manifests: dict[tuple, bytes | None] = {}


def remember_compiled_templates() -> None:
    """What a text compiles to depends on the text alone: an eighth of a run on few rows.

    dbt remembers what it parsed where it is told that it is tested, but not this.
    """
    enable_test_caching()
    compile_anew = Environment.compile
    compiled: dict[tuple, object] = {}

    def compile_once(environment: Environment, source: object, *details, **options):
        if details or options or not isinstance(source, str):
            return compile_anew(environment, source, *details, **options)
        key = (type(environment), source)
        if key not in compiled:
            compiled[key] = compile_anew(environment, source)
        return compiled[key]

    Environment.compile = compile_once


def parsed_directory() -> Path:
    """What this session has parsed, in whichever of its processes."""
    if PARSED not in os.environ:
        os.environ[PARSED] = mkdtemp(prefix="log_loss_parsed_")
        atexit.register(shutil.rmtree, os.environ[PARSED], ignore_errors=True)
    return Path(os.environ[PARSED])


def files_of(project: Path) -> tuple:
    """The files of a project as they are now; a package that is a link is not changed."""
    found = []
    for directory, _, names in os.walk(project):
        for path in (Path(directory) / name for name in names):
            status = path.stat()
            found.append((str(path), status.st_mtime_ns, status.st_size))
    return tuple(sorted(found))


def copy_database(source: Path, target: Path) -> None:
    """With what is in its write-ahead log, which would stay behind."""
    with duckdb.connect(str(source)) as connection:
        connection.execute("checkpoint")
    shutil.copy(source, target)


def copied(project: UserProject, directory: Path) -> UserProject:
    """The same warehouse for a test that changes it; its file is the catalog's name."""
    directory.mkdir(exist_ok=True)
    copy = replace(
        project,
        path=directory / project.path.name,
        target_path=directory / "target",
        variables=dict(project.variables),
    )
    copy_database(project.path, copy.path)
    return copy


def messages(result: dbtRunnerResult) -> list[str]:
    """What a user reads when a command fails."""
    texts = [] if result.exception is None else [str(result.exception)]
    for node in getattr(result.result, "results", None) or []:
        if node.message and str(node.status) not in ("success", "pass"):
            texts.append(f"{node.node.name}: {node.status}: {node.message}")
    return texts


def outcomes_of(result: dbtRunnerResult) -> dict[str, str]:
    """How each node of a command ended."""
    return {node.node.name: str(node.status) for node in result.result.results}


def failing_rows(
    project: UserProject, result: dbtRunnerResult, test: str
) -> pd.DataFrame:
    """What a data test returned."""
    nodes = [node.node for node in result.result.results if node.node.name == test]
    return project.query(nodes[0].compiled_code)


def run_command(project: UserProject, command: str) -> dbtRunnerResult:
    """What a data test tells a user to run, with the variables it names."""
    program, *arguments = shlex.split(command)
    assert program == "dbt", command
    given = arguments.index("--vars")
    for name, value in yaml.safe_load(arguments[given + 1]).items():
        text = value.isoformat() if isinstance(value, date) else value
        project.variables = {**project.variables, name: text}
    del arguments[given : given + 2]
    return project.invoke(*arguments)


def install_packages(project: Path) -> None:
    """What a user's `dbt deps` does, where it has not been done.

    A second one would take the package away for a moment from tests that run beside.
    """
    declared = project / "packages.yml"
    [package] = yaml.safe_load(declared.read_text())["packages"]
    installed = project / "dbt_packages" / "log_loss"
    with declared.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if installed.exists() and installed.samefile(project / package["local"]):
            return
        result = dbtRunner().invoke(
            ["--quiet", "deps", "--project-dir", str(project)]
            + ["--profiles-dir", str(project)]
        )
        assert result.success, result.exception


def scratch_project(
    directory: Path,
    files: dict[str, str],
    variables: dict | None = None,
    warehouse: UserProject | None = None,
) -> UserProject:
    """The user's project with further files, installed in a directory of its own.

    Its warehouse is empty, or a copy of another project's.
    """
    copy = directory / "project"
    unwanted = shutil.ignore_patterns("dbt_packages", "logs")
    shutil.copytree(PROJECT, copy, ignore=unwanted)
    (copy / "packages.yml").write_text(f"packages:\n  - local: {REPOSITORY}\n")
    for name, text in files.items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text(text)
    install_packages(copy)
    if warehouse is not None:
        project = copied(warehouse, directory)
        return replace(project, variables=variables or {}, project=copy)
    return UserProject(
        directory / "warehouse.duckdb",
        directory / "target",
        variables or {},
        project=copy,
    )
