from pathlib import Path

import pytest
from dbt.cli.main import dbtRunner

from harness import PROJECT, UserProject


@pytest.fixture(scope="session", autouse=True)
def installed_package() -> None:
    """Install the package into the user's project, as `packages: - local:` does."""
    result = dbtRunner().invoke(
        ["--quiet", "deps", "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
    )
    assert result.success, result.exception


@pytest.fixture
def user_project(tmp_path: Path) -> UserProject:
    return UserProject(tmp_path / "warehouse.duckdb", tmp_path / "target")
