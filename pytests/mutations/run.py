"""Break the package in one place at a time, and see the named test fail.

`make test-mutations` runs all of the list in mutations.py; `--sample 5` as many, drawn at
random and printed. A break that its test does not catch is a defect of the test.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mutations import MUTATIONS, ROOT, Mutation

UNNEEDED = (".git", ".venv*", "data", "target", "logs", "*.duckdb*", ".hypothesis")
TESTS_FAILED = 1  # pytest's exit code; others mean that it could not run them
# what is not even SQL any more would fail every test; pytest's own lines say so, while
# what dbt prints of other nodes is no matter
INVALID = ("Compilation Error", "Parser Error", "Binder Error", "Catalog Error")


@dataclass
class Outcome:
    mutation: Mutation
    is_caught: bool
    seconds: float
    output: str

    def __str__(self) -> str:
        word = "caught" if self.is_caught else "NOT CAUGHT"
        return f"{word:10} {self.seconds:4.0f} s  {self.mutation.name}"


def outcome_of(mutation: Mutation) -> Outcome:
    """In a copy of the repository, so that several can be tried at once."""
    started = time.monotonic()
    with TemporaryDirectory(prefix="log_loss_mutation_") as directory:
        copy = Path(directory) / "log_loss"
        shutil.copytree(
            ROOT, copy, symlinks=True, ignore=shutil.ignore_patterns(*UNNEEDED, "dbt_packages")
        )
        mutation.apply(copy)
        process = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
            + mutation.test.split(),
            cwd=copy,
            capture_output=True,
            text=True,
        )
    return Outcome(
        mutation,
        process.returncode == TESTS_FAILED
        and "\nFAILED " in process.stdout
        and not any(
            error in line
            for line in process.stdout.splitlines()
            if line.startswith("E ")
            for error in INVALID
        ),
        time.monotonic() - started,
        process.stdout + process.stderr,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, help="so many, drawn at random")
    parser.add_argument("--only", help="those whose name contains this")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    chosen = [m for m in MUTATIONS if not options.only or options.only in m.name]
    if options.sample:
        chosen = random.sample(chosen, min(options.sample, len(chosen)))
    missed = []
    with ThreadPoolExecutor(options.workers) as pool:
        for outcome in pool.map(outcome_of, chosen):
            print(outcome, flush=True)
            if not outcome.is_caught:
                missed.append(outcome)
    for outcome in missed:
        print(f"\n{outcome.mutation.name}: {outcome.mutation.test}")
        print(outcome.output[-3000:])
    print(f"{len(chosen) - len(missed)} of {len(chosen)} caught")
    return 1 if missed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
