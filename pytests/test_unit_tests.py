"""dbt's unit tests, those of one model at a time, with nothing but empty relations."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import yaml
from dbt.cli.main import dbtRunner, dbtRunnerResult

from harness import REPOSITORY, messages, outcomes_of

MODELS = sorted(
    {
        test["model"]
        for path in REPOSITORY.glob("models/**/*.unit_tests.yml")
        for test in yaml.safe_load(path.read_text())["unit_tests"]
    }
)
MODELS_ALONE = [
    argument
    for kind in ("seed", "test", "unit_test")
    for argument in ("--exclude-resource-type", kind)
]


class Package:
    """The package as its own root project, in a database of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        # the seeds without their rows, which take dbt seconds to load
        with duckdb.connect(os.environ["LOG_LOSS_DUCKDB_PATH"]) as connection:
            for path in (REPOSITORY / "seeds").glob("*.csv"):
                connection.execute(
                    f"create table {path.stem} as from read_csv('{path}',"
                    " auto_type_candidates=['double', 'timestamp', 'varchar']) limit 0"
                )
        self.parsed = pickle.dumps(self._invoke(dbtRunner(), "parse").result)

    def invoke(self, *arguments: str) -> dbtRunnerResult:
        return self._invoke(dbtRunner(pickle.loads(self.parsed)), *arguments)

    def _invoke(self, runner: dbtRunner, *arguments: str) -> dbtRunnerResult:
        return runner.invoke(
            ["--no-use-colors", "--quiet", *arguments]
            + ["--project-dir", str(REPOSITORY)]
            + ["--profiles-dir", str(REPOSITORY / "profiles")]
            + ["--target-path", str(self.directory), "--log-path", str(self.directory)]
        )

    def build_without_rows(self, models: set[str]) -> None:
        """A unit test asks the warehouse which columns its inputs have."""
        ancestors = [f"+{model}" for model in sorted(models)]
        result = self.invoke("build", "--empty", "--select", *ancestors, *MODELS_ALONE)
        assert result.success, messages(result)


@pytest.fixture(scope="module")
def package(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Package]:
    directory = tmp_path_factory.mktemp("unit_tests")
    # at once for all that are to be tested
    models = {
        item.callspec.params["model"]
        for item in request.session.items
        if item.path == request.path
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOG_LOSS_DEVELOPMENT", "1")
        patch.setenv("LOG_LOSS_DUCKDB_PATH", str(directory / "log_loss.duckdb"))
        package = Package(directory)
        package.build_without_rows(models)
        yield package


@pytest.mark.parametrize("model", MODELS)
def test_the_unit_tests_of(package: Package, model: str) -> None:
    result = package.invoke("test", "--select", f"{model},test_type:unit")
    assert result.success, messages(result)
    assert set(outcomes_of(result).values()) == {"pass"}
