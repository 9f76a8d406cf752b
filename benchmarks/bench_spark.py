"""Measure the package on a Spark cluster of one worker and of two, of one core each.

Every measurement has a cluster and a process of its own; the two sizes of cluster take
turns. Writes results_spark.json and results_spark.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

import data
from bench import (
    DAYS,
    HERE,
    PROJECT,
    install_package,
    ratio,
    row,
    rounds,
    seconds,
)

REPOSITORY = HERE.parent
WORKERS = (1, 2)
TABLES = ("predictions", "labels")
# pieces enough for two workers; dbt sets these again before each statement
SETTINGS = {
    "spark.sql.shuffle.partitions": "8",
    "spark.sql.files.maxPartitionBytes": "8m",
}


def measure(task: str, inputs: Path, workers: int) -> float:
    """Seconds of a task on a new cluster; its tables are the Parquet files."""
    from dbt.cli.main import dbtRunner

    from engines.warehouses import SCHEMA, spark_distributed

    # executors may still write there while it is removed
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        directory = Path(name)
        with spark_distributed(directory, workers) as warehouse:
            warehouse.output["server_side_parameters"].update(SETTINGS)
            for setting, value in SETTINGS.items():
                warehouse.execute(f"set {setting} = {value}")
            warehouse.execute("create schema raw")
            for table in TABLES:
                warehouse.execute(
                    f"create table raw.{table} using parquet"
                    f" location '{inputs / table}.parquet'"
                )
                # executors started, files cached by the system
                warehouse.execute(f"select sum(hash(*)) from raw.{table}")
            if task == "handwritten":
                started = time.perf_counter()
                warehouse.execute((HERE / "peers" / "handwritten.sql").read_text())
                return time.perf_counter() - started
            outputs = {"target": "dev", "outputs": {"dev": warehouse.output}}
            (directory / "profiles.yml").write_text(yaml.dump({"benchmark": outputs}))
            result = dbtRunner().invoke(
                ["--quiet", "run", "--full-refresh"]
                + ["--project-dir", str(PROJECT), "--profiles-dir", name]
                + ["--target-path", name, "--log-path", name]
            )
            if not result.success:
                raise RuntimeError(f"dbt failed: {result.exception or result.result}")
            days = warehouse.execute(f"select count(*) as n from {SCHEMA}.log_loss_daily")
            assert days[0]["n"] >= 2 * DAYS, days
            return result.result.elapsed_time


def measured(task: str, inputs: Path, workers: int) -> dict:
    done = subprocess.run(
        [sys.executable, __file__, "--measure", task, str(inputs), str(workers)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "pytests")},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return {"seconds": float(done.stdout.split()[-1])}


def table(results: dict) -> str:
    head = ["predictions", "what", "one worker: seconds", "two workers: seconds"]
    head += ["two / one", "of the hand-written query's, on two"]
    lines = [row(*head), row(*["---"] * len(head))]
    for millions, found in results["full refresh"].items():
        for task in ("log_loss", "handwritten"):
            one, two = (found[f"{task} on {workers}"] for workers in WORKERS)
            cells = [f"{millions} M", task, seconds(one), seconds(two), ratio(two, one)]
            lines.append(row(*cells, ratio(two, found["handwritten on 2"])))
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="a directory for the data: 1 GB")
    parser.add_argument("--millions", type=int, nargs="*", default=[1, 5])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    install_package()
    results = {"machine": {"cores": os.cpu_count()}, "full refresh": {}}
    for millions in options.millions:
        print(f"{millions} million predictions on Spark", flush=True)
        path = (options.work / f"spark_{millions}m.duckdb").resolve()
        if not path.exists():
            data.generate(path, millions * 1_000_000 // DAYS, DAYS)
        data.export(path, path.with_suffix(""))
        tasks = {
            f"{task} on {workers}": lambda task=task, workers=workers: measured(
                task, path.with_suffix(""), workers
            )
            for task in ("log_loss", "handwritten")
            for workers in WORKERS
        }
        results["full refresh"][str(millions)] = rounds(tasks, options.rounds)
        (HERE / "results_spark.json").write_text(json.dumps(results, indent=1) + "\n")
        (HERE / "results_spark.md").write_text(table(results))
    print(table(results))


if __name__ == "__main__":
    if sys.argv[1] == "--measure":
        print(measure(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
    else:
        main()
