import os
from pathlib import Path

import pytest
from hypothesis import settings

from harness import PROJECT, UserProject, install_packages

settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session", autouse=True)
def installed_package() -> None:
    """The package in the user's project, as `packages: - local:` puts it there."""
    install_packages(PROJECT)


@pytest.fixture
def user_project(tmp_path: Path) -> UserProject:
    return UserProject(tmp_path / "warehouse.duckdb", tmp_path / "target")
