"""Measure the package beside what people do without it, all in one run.

Each figure is the median of interleaved rounds, with the lowest and the highest. Times
are those of the work alone: dbt's start-up, imports and reading for the peers are left
out, and dbt's start-up is reported by itself. Writes results.json, results.md and
results.png beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

import data

HERE = Path(__file__).parent
PROJECT = HERE / "project"
DBT = Path(sys.executable).with_name("dbt")
DAYS = 90
SQL_PEERS = ["handwritten", "handwritten_without_sorting", "careless"]
LAYERS = {
    "staging": ("stg_", "log_loss_default_"),
    "ledger": ("int_log_loss__ledger",),
    "intermediate": ("int_",),
    "marts": ("log_loss_",),
}


# ------------------------------------------------------------------ one measurement


def install_package() -> None:
    subprocess.run(
        [DBT, "--quiet", "deps", "--project-dir", PROJECT, "--profiles-dir", PROJECT],
        check=True,
        env={**os.environ, "LOG_LOSS_BENCH_PATH": "", "LOG_LOSS_BENCH_MEMORY": "4GB"},
    )


def dbt_run(path: Path, *arguments: str, memory: str = "8GB", variables=None) -> dict:
    """`dbt run` in a process of its own: seconds of the run, of start-up, per layer."""
    environment = {
        **os.environ,
        "LOG_LOSS_BENCH_PATH": str(path),
        "LOG_LOSS_BENCH_MEMORY": memory,
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    # dbt parses anew what was parsed with other variables
    target = path.with_suffix(f".target_{len(variables or {})}")
    command = [DBT, "--quiet", "run", *arguments]
    command += ["--project-dir", PROJECT, "--profiles-dir", PROJECT]
    command += ["--target-path", target, "--log-path", target]
    command += ["--vars", json.dumps(variables or {})]
    with Watch(Path(f"{path}.tmp")) as watch:
        started = time.perf_counter()
        process = subprocess.Popen(command, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
    if status:
        raise RuntimeError(f"dbt failed on {path}: see {target / 'dbt.log'}")
    results = json.loads((target / "run_results.json").read_text())
    layers = dict.fromkeys(LAYERS, 0.0)
    for result in results["results"]:
        name = result["unique_id"].split(".")[-1]
        for layer, prefixes in LAYERS.items():
            if name.startswith(prefixes):
                layers[layer] += result["execution_time"]
                break
    return {
        "seconds": results["elapsed_time"],
        "start_up_seconds": wall - results["elapsed_time"],
        "peak_bytes": usage.ru_maxrss * 1024,
        "spilled_bytes": watch.peak_bytes,
        **{f"{layer} seconds": seconds for layer, seconds in layers.items()},
    }


class Watch:
    """The most bytes that a directory held meanwhile."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.peak_bytes = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.look)

    def look(self) -> None:
        while not self.stop.wait(0.2):
            total = 0
            for file in self.directory.glob("*"):
                try:
                    total += file.stat().st_size
                except FileNotFoundError:
                    continue
            self.peak_bytes = max(self.peak_bytes, total)

    def __enter__(self) -> Watch:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()


RUN_QUERY = """
import duckdb, pathlib, sys, time
path, query, memory = sys.argv[1:]
connection = duckdb.connect(path, read_only=True)
connection.execute(f"set threads = 2; set memory_limit = '{memory}'")
started = time.perf_counter()
connection.execute(pathlib.Path(query).read_text()).fetchall()
print(time.perf_counter() - started)
"""


def sql_peer(name: str, path: Path, memory: str = "8GB") -> dict:
    query = HERE / "peers" / f"{name}.sql"
    return seconds_printed_by([sys.executable, "-c", RUN_QUERY, path, query, memory])


def python_peer(name: str, python: Path, directory: Path) -> dict:
    return seconds_printed_by([python, HERE / "peers" / f"{name}.py", directory])


def seconds_printed_by(command: list) -> dict:
    silent = {**os.environ, "DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"}
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=silent
    )
    return {"seconds": float(done.stdout.split()[-1])}


def stored_bytes(path: Path) -> int:
    """What the package keeps: all of it, in a database of its own."""
    copy = path.with_suffix(".stored")
    copy.unlink(missing_ok=True)
    with duckdb.connect(str(copy)) as connection:
        connection.execute(f"attach '{path}' as source (read_only)")
        tables = connection.execute(
            "select table_name from duckdb_tables()"
            " where database_name = 'source' and schema_name = 'main'"
        ).fetchall()
        for (name,) in tables:
            connection.execute(f"create table {name} as from source.main.{name}")
        connection.execute("checkpoint")
    size = copy.stat().st_size
    copy.unlink()
    return size


# ------------------------------------------------------------------ many of them


def rounds(tasks: dict[str, Callable[[], dict]], count: int) -> dict[str, dict]:
    """Median, lowest and highest of each figure; the tasks take turns."""
    found: dict[str, list[dict]] = {name: [] for name in tasks}
    for number in range(count):
        for name, task in tasks.items():
            figures = task()
            print(f"  {number + 1} {name}: {figures['seconds']:.2f} s", flush=True)
            found[name].append(figures)
    return {
        name: {
            figure: {
                "median": statistics.median(one[figure] for one in all_),
                "lowest": min(one[figure] for one in all_),
                "highest": max(one[figure] for one in all_),
            }
            for figure in all_[0]
        }
        for name, all_ in found.items()
    }


def full_refreshes(work: Path, millions: int, options: argparse.Namespace) -> dict:
    print(f"{millions} million predictions", flush=True)
    path, exported = work / f"full_{millions}m.duckdb", work / f"full_{millions}m"
    if not path.exists():
        data.generate(path, millions * 1_000_000 // DAYS, DAYS)
    input_bytes = data.export(path, exported)
    is_large = millions >= 100
    memory = "4GB" if is_large else "8GB"
    count = 1 if is_large else options.rounds
    tasks = {
        "log_loss": lambda: dbt_run(path, "--full-refresh", memory=memory),
        "log_loss, unique predictions promised": lambda: dbt_run(
            path,
            "--full-refresh",
            memory=memory,
            variables={"log_loss_unique_predictions": True},
        ),
    }
    for name in SQL_PEERS:
        tasks[name] = lambda name=name: sql_peer(name, path, memory)
    if millions <= 10:
        tasks["pandas_sklearn"] = lambda: python_peer(
            "pandas_sklearn", Path(sys.executable), exported
        )
    if millions <= 1:
        for name, python in options.peers.items():
            if python.exists():
                tasks[name] = lambda n=name, p=python: python_peer(n, p, exported)
    # the first run with its variables also parses the project
    for variables in ({}, {"log_loss_unique_predictions": True}):
        dbt_run(
            path, "--select", "package:benchmark", memory=memory, variables=variables
        )
    found = rounds(tasks, count)
    found["storage"] = {"input_bytes": input_bytes, "stored_bytes": stored_bytes(path)}
    shutil.rmtree(exported)
    if is_large:
        path.unlink()
    return found


def one_more_day(work: Path, days: int, options: argparse.Namespace) -> dict:
    """A day on top of so many, 111,111 predictions each, and the full refresh."""
    print(f"one day on top of {days}", flush=True)
    path = work / f"days_{days}.duckdb"
    path.unlink(missing_ok=True)
    data.generate(path, 111_111, days, later_days=2 * options.rounds)
    found = rounds(
        {"full refresh": lambda: dbt_run(path, "--full-refresh")}, options.rounds
    )
    next_day = iter(range(days, days + 2 * options.rounds))

    def day(variables: dict) -> dict:
        data.append_day(path, next(next_day))
        return dbt_run(path, variables=variables)

    found |= rounds(
        {
            "one day": lambda: day({}),
            "one day, horizon of 60 days": lambda: day(
                {"log_loss_label_horizon_days": 60}
            ),
        },
        options.rounds,
    )
    path.unlink()
    return found


# ------------------------------------------------------------------ what came of it


def seconds(figures: dict) -> str:
    spread = figures["seconds"]
    return f"{spread['median']:.1f} ({spread['lowest']:.1f}–{spread['highest']:.1f})"


def ratio(figures: dict, peer: dict) -> str:
    return f"{figures['seconds']['median'] / peer['seconds']['median']:.2f}"


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def table(results: dict) -> str:
    lines = [row("what", "seconds: median (lowest–highest)", "ratio"), row(*["---"] * 3)]
    for millions, found in results["full refresh"].items():
        ours = found["log_loss"]
        for name, figures in found.items():
            if name == "storage":
                continue
            told = f"log_loss takes {ratio(ours, figures)} × as long"
            if name.startswith("log_loss"):
                told = f"{ratio(figures, ours)} of log_loss"
            lines.append(
                row(f"{millions} M predictions: {name}", seconds(figures), told)
            )
    for days, found in results["one more day"].items():
        full = found["full refresh"]
        lines.append(row(f"{days} days: full refresh", seconds(full), "1"))
        for name in ("one day", "one day, horizon of 60 days"):
            told = f"{ratio(found[name], full)} of the full refresh"
            lines.append(
                row(f"{days} days: {name} on top", seconds(found[name]), told)
            )
    head = ["predictions", "ledger", "other models", "start-up", "peak memory"]
    head += ["spilled", "stored / Parquet of the inputs"]
    lines += ["", row(*head), row(*["---"] * len(head))]
    for millions, found in results["full refresh"].items():
        ours = {name: spread["median"] for name, spread in found["log_loss"].items()}
        stored, inputs = found["storage"]["stored_bytes"], found["storage"]["input_bytes"]
        lines.append(
            row(
                f"{millions} M",
                f"{ours['ledger seconds']:.1f} s",
                f"{ours['seconds'] - ours['ledger seconds']:.1f} s",
                f"{ours['start_up_seconds']:.1f} s",
                f"{ours['peak_bytes'] / 1e9:.1f} GB",
                f"{ours['spilled_bytes'] / 1e9:.1f} GB",
                f"{stored / 1e6:.0f} MB / {inputs / 1e6:.0f} MB = {stored / inputs:.1%}",
            )
        )
    return "\n".join(lines) + "\n"


def plot(results: dict, path: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.2))
    series: dict[str, list[tuple[int, float]]] = {}
    for millions, found in results["full refresh"].items():
        for name, figures in found.items():
            if name != "storage":
                point = (int(millions), figures["seconds"]["median"])
                series.setdefault(name, []).append(point)
    for name, points in series.items():
        style = "o-" if name.startswith("log_loss") else "o--"
        left.plot(*zip(*points, strict=True), style, label=name)
    left.set(xscale="log", yscale="log", xlabel="million predictions", ylabel="seconds")
    left.set_title("All marts, full refresh, beside one or two marts by hand")
    left.legend(fontsize=7)
    for name in ("full refresh", "one day", "one day, horizon of 60 days"):
        points = [
            (int(days), found[name]["seconds"]["median"])
            for days, found in results["one more day"].items()
        ]
        if points:
            right.plot(*zip(*points, strict=True), "o-", label=name)
    right.set(xlabel="days of history, 111,111 predictions each", ylabel="seconds")
    right.set_title("One more day")
    right.legend(fontsize=7)
    right.set_ylim(bottom=0)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="a directory for the data: 40 GB")
    parser.add_argument("--millions", type=int, nargs="*", default=[1, 10, 100])
    parser.add_argument("--days", type=int, nargs="*", default=[30, 90, 365])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--add", action="store_true", help="keep the other figures")
    parser.add_argument("--evidently", type=Path, help="a python that has it")
    parser.add_argument("--nannyml", type=Path, help="a python that has it")
    options = parser.parse_args()
    options.peers = {
        f"{name}_daily": python
        for name in ("evidently", "nannyml")
        if (python := getattr(options, name))
    }
    options.work.mkdir(parents=True, exist_ok=True)
    install_package()
    results = {
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "duckdb": duckdb.__version__,
        },
        "full refresh": {},
        "one more day": {},
    }

    if options.add:
        results = json.loads((HERE / "results.json").read_text())

    def save() -> None:
        (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
        (HERE / "results.md").write_text(table(results))

    for millions in options.millions:
        results["full refresh"][str(millions)] = full_refreshes(
            options.work, millions, options
        )
        save()
    for days in options.days:
        results["one more day"][str(days)] = one_more_day(options.work, days, options)
        save()
    plot(results, HERE / "results.png")
    print(table(results))


if __name__ == "__main__":
    main()
