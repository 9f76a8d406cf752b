"""A whole project as one engine builds it: how its nodes end, and its marts.

DuckDB's, which the others are compared with, is built in a process of its own: with
`REFERENCE_PYTHON`, one that has other versions of DuckDB and of dbt.
"""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from engines.conftest import BANK, Projects
from engines.warehouses import SCHEMA, duckdb
from harness import REPOSITORY, messages, outcomes_of

BUILT = "built"
MARTS = [path.stem for path in (REPOSITORY / "models" / "marts").rglob("*.sql")]


class Built(NamedTuple):
    outcomes: dict[str, str]
    marts: dict[str, list[dict]]


def built(projects: Projects, path: Path) -> Built:
    project = projects.project(path)
    if path == BANK:
        # where its dbt_project.yml puts the package
        project.schema = f"{SCHEMA}_ml_quality"
    result = project.build()
    assert result.success, "\n".join(messages(result))
    return Built(outcomes_of(result), {mart: project.mart_rows(mart) for mart in MARTS})


def built_on_duckdb(path: Path, directory: Path) -> Built:
    """With `LOG_LOSS_REFERENCES`, a folder, once for all engines that are tested with it."""
    kept = Path(os.environ.get("LOG_LOSS_REFERENCES", directory)) / f"{path.name}.pickle"
    if not kept.exists():
        subprocess.run(
            [os.environ.get("REFERENCE_PYTHON", sys.executable), "-m", "engines.reference"]
            + [str(path), str(directory)],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "pytests")},
            check=True,
        )
        # whoever looks finds all of it or nothing
        shutil.copy(directory / BUILT, partial := kept.with_suffix(f".{os.getpid()}"))
        partial.rename(kept)
    return Built(*pickle.loads(kept.read_bytes()))


def main(path: Path, directory: Path) -> None:
    with duckdb(directory) as warehouse:
        result = built(Projects(warehouse, directory), path)
    (directory / BUILT).write_bytes(pickle.dumps(tuple(result)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
