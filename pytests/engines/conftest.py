"""`pytest pytests/engines --engine NAME`: the suite on one warehouse, beside DuckDB."""

from __future__ import annotations

import csv
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from dbt.cli.main import dbtRunner, dbtRunnerResult

from harness import REPOSITORY, UserProject, install_packages
from engines import warehouses
from engines.warehouses import SCHEMA, TIME_ZONE, WAREHOUSES, Warehouse

BANK = REPOSITORY / "integration_tests"
DEMO_TYPES = {
    **dict.fromkeys(("predicted_at", "labeled_at", "loaded_at"), "timestamp"),
    **dict.fromkeys(("deployed_at", "retired_at"), "timestamp"),
    **dict.fromkeys(("probability", "p_on_time", "p_late", "p_very_late"), "double"),
    **dict.fromkeys(("seats", "warn_at", "error_at"), "double"),
}
# the profiles of the package's demo, of the tests' project and of the bank's
PROFILES = ("log_loss", "user_project", "acme_bank")


def pytest_addoption(parser: pytest.Parser) -> None:
    # `dialects` is no engine: SQL that is read and never run
    choices = [*WAREHOUSES, "dialects"]
    parser.addoption("--engine", choices=choices, default="duckdb")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Dialects have an environment of their own, with other adapters."""
    if collection_path.parent != Path(__file__).parent or collection_path.is_dir():
        return None
    is_about_dialects = collection_path.name == "test_dialects.py"
    is_wanted = is_about_dialects == (config.getoption("--engine") == "dialects")
    return None if is_wanted else True


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "engines(*names): runs on these engines alone")
    config.addinivalue_line("markers", "not_engines(*names): runs on all but these")


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """What is about one engine is no test of another."""
    engine = config.getoption("--engine")
    kept, others = [], []
    for item in items:
        only = item.get_closest_marker("engines")
        never = item.get_closest_marker("not_engines")
        is_wanted = (only is None or engine in only.args) and (
            never is None or engine not in never.args
        )
        (kept if is_wanted else others).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=others)


@dataclass
class WarehouseProject(UserProject):
    """A project whose data is in a warehouse instead of a DuckDB file."""

    warehouse: Warehouse = field(kw_only=True)

    def load_rows(
        self, table: str, rows: list[dict], columns: dict[str, str], append=False
    ) -> None:
        """Labels come with times that have a time zone, predictions with UTC ones."""
        if table == "labels":
            columns = {
                name: "timestamptz" if type_ == "timestamp" else type_
                for name, type_ in columns.items()
            }
        self.warehouse.load(f"raw.{table}", rows, columns, append)

    def rows(self, sql: str) -> list[dict]:
        return self.warehouse.rows(sql)

    def run_incrementally(self, *arguments: str) -> None:
        if self.warehouse.has_incremental_runs:
            self.run(*arguments)
        else:
            self.full_refresh(*arguments)

    def build(self) -> dbtRunnerResult:
        """`dbt build` of what can run here; of the package itself with its own tests."""
        is_package = "name: log_loss\n" in (self.project / "dbt_project.yml").read_text()
        os.environ["LOG_LOSS_DEVELOPMENT"] = "1" if is_package else "0"
        excluded = list(self.warehouse.excluded)
        if not self.warehouse.takes_seeds:
            self.load_seeds()
            excluded.append("resource_type:seed")
        return self.invoke("build", *(["--exclude", *excluded] if excluded else []))

    def load_seeds(self) -> None:
        """The bank's are all text; the demo's have types."""
        is_bank = self.project == BANK
        schema = f"{SCHEMA}_raw" if is_bank else SCHEMA
        for path in (self.project / "seeds").glob("*.csv"):
            with path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            types = {} if is_bank else DEMO_TYPES
            columns = {name: types.get(name, "varchar") for name in rows[0]}
            values = [{name: row[name] or None for name in columns} for row in rows]
            self.warehouse.load(f"{schema}.{path.stem}", values, columns, append=False)


def check_shipped_target(name: str, directory: Path, patch: pytest.MonkeyPatch) -> None:
    """A target of profiles/profiles.yml is complete, whatever its environment says."""
    profiles = REPOSITORY / "profiles"
    for variable in re.findall(r"env_var\('(\w+)'", (profiles / "profiles.yml").read_text()):
        patch.setenv(variable, "1")
    result = dbtRunner().invoke(
        ["--quiet", "parse", "--no-partial-parse", "--target", name]
        + ["--project-dir", str(REPOSITORY), "--profiles-dir", str(profiles)]
        + ["--target-path", str(directory), "--log-path", str(directory)]
    )
    assert result.success, result.exception


class Projects:
    """What dbt runs in one warehouse."""

    def __init__(self, warehouse: Warehouse, directory: Path) -> None:
        self.warehouse = warehouse
        self.directory = directory
        profile = {"target": "conformance", "outputs": {"conformance": warehouse.output}}
        (directory / "profiles.yml").write_text(yaml.dump(dict.fromkeys(PROFILES, profile)))

    def project(self, path: Path, variables: dict | None = None) -> WarehouseProject:
        """One of the repository's projects, the package itself among them."""
        if self.warehouse.falls_short:
            copied = self.copy(path)
        else:
            copied = path
            if path != REPOSITORY:
                install_packages(path)
        return WarehouseProject(
            self.directory,
            self.directory / f"target_{path.name}",
            variables or {},
            copied,
            self.directory,
            SCHEMA,
            warehouse=self.warehouse,
        )

    def copy(self, path: Path) -> Path:
        copied = self.directory / "projects" / path.name
        if copied.exists():
            return copied
        copied.mkdir(parents=True)
        for name in ("dbt_project.yml", "macros", "models", "seeds", "tests"):
            if (path / name).is_dir():
                shutil.copytree(path / name, copied / name)
            elif (path / name).exists():
                shutil.copy(path / name, copied)
        (copied / "macros").mkdir(exist_ok=True)
        (copied / "macros" / "emulator.sql").write_text(self.warehouse.macros)
        if path == REPOSITORY:
            for name, (old, new) in self.warehouse.replacements.items():
                text = (copied / name).read_text()
                assert old in text, f"{name} no longer has {old!r}"
                (copied / name).write_text(text.replace(old, new))
        else:
            package = self.copy(REPOSITORY)
            (copied / "packages.yml").write_text(f"packages:\n  - local: {package}\n")
            shutil.copy(self.directory / "profiles.yml", copied)
            install_packages(copied)
        return copied


@pytest.fixture(scope="session", autouse=True)
def time_zone() -> None:
    os.environ["TZ"] = TIME_ZONE
    time.tzset()


@pytest.fixture(scope="session")
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Projects]:
    name = request.config.getoption("--engine")
    directory = tmp_path_factory.mktemp(name)
    with WAREHOUSES[name](directory) as warehouse:
        yield Projects(warehouse, directory)


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Projects]:
    directory = tmp_path_factory.mktemp("reference")
    with warehouses.duckdb(directory) as warehouse:
        yield Projects(warehouse, directory)
