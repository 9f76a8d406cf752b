import gc
import os
from pathlib import Path

import pytest
from hypothesis import settings

from flights import oracle, whole_demo  # noqa: F401 - fixtures
from harness import (
    PROJECT,
    UserProject,
    install_packages,
    parsed_directory,
    remember_compiled_templates,
)

settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# a tenth of a run on few rows: looking again and again through what dbt keeps of a project
gc.set_threshold(100_000, 50, 100)
# users do not test how the package is made
os.environ.pop("LOG_LOSS_DEVELOPMENT", None)


# what takes longest begins first, so that no worker waits for another at the end
FIRST = (
    *("test_state_machine", "test_promises", "test_faults", "test_gameday"),
    *("test_configuration", "test_properties_incremental", "test_properties_marts"),
    *("test_messages", "test_package", "test_data_tests", "test_year_of_flights"),
)


def pytest_configure() -> None:
    # before there are workers, so that they find the same directory
    parsed_directory()
    remember_compiled_templates()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(FIRST)))


@pytest.fixture(scope="session", autouse=True)
def installed_package() -> None:
    """The package in the user's project, as `packages: - local:` puts it there."""
    install_packages(PROJECT)


@pytest.fixture
def user_project(tmp_path: Path) -> UserProject:
    return UserProject(tmp_path / "warehouse.duckdb", tmp_path / "target")
