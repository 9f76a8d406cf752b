import fcntl
import os
from pathlib import Path

import pytest
from hypothesis import settings

from harness import PROJECT, UserProject, install_packages

settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session", autouse=True)
def installed_package(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Install the package into the user's project, as `packages: - local:` does.

    Once for all workers of a parallel run: a second `dbt deps` would take the package
    away from the first worker for a moment.
    """
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    done = shared / "installed"
    with (shared / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.exists():
            return
        install_packages(PROJECT)
        done.touch()


@pytest.fixture
def user_project(tmp_path: Path) -> UserProject:
    return UserProject(tmp_path / "warehouse.duckdb", tmp_path / "target")
