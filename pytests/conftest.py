import gc
import os
from pathlib import Path

import dbt_common.exceptions.base
import pytest
from hypothesis import settings

from flights import oracle, whole_demo  # noqa: F401 - fixtures
from harness import PROJECT, UserProject, install_packages

settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# A third of a run on few rows: looking again and again through what dbt keeps of a
# project, and through the environment for secrets whenever a macro is looked for.
gc.set_threshold(100_000, 50, 100)
dbt_common.exceptions.base.env_secrets = lambda: []


@pytest.fixture(scope="session", autouse=True)
def installed_package() -> None:
    """The package in the user's project, as `packages: - local:` puts it there."""
    install_packages(PROJECT)


@pytest.fixture
def user_project(tmp_path: Path) -> UserProject:
    return UserProject(tmp_path / "warehouse.duckdb", tmp_path / "target")
