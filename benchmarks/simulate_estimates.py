"""How far the estimates of log_loss_estimate are from the truth, by simulation.

The package itself runs, on months of simulated predictions and labels whose classes report
at known speeds. What a day's loss turns out to be is computed here, from all labels that
come within the horizon, and not taken from the package. Writes results_estimates.md beside
this file.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import pandas as pd
from scipy.special import expit, logit

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "pytests"))

from harness import UserProject, install_packages  # noqa: E402

SEED = 20_130_101
DAYS = 330
HORIZON = 28
# from here on every age has seen more than 28 days realised; before, there are estimates
# whose errors nobody knows yet
FIRST_JUDGED = 112
FIRST_DATE = np.datetime64("2023-01-02")
DRIFT_DAY = 230
AGES = (0, 1, 3, 7, 14)
LABEL_FREE = ("label_free", "label_free_recalibrated")


@dataclass(frozen=True)
class Scenario:
    """What is asked, what comes true, and how long each class takes to say so."""

    name: str
    scores: Callable[[np.random.Generator, int], np.ndarray] = lambda random, n: random.beta(
        2, 8, n
    )
    rows_a_day: int = 1000
    # mean delay in days of negatives and positives
    delays: tuple[float, float] = (1.0, 4.0)
    # standard deviation of the logarithm of a day's speed
    speed_variation: float = 0.0
    weekly: bool = False
    never_labeled: float = 0.0
    # half of the requests are of a stratum with higher log odds and slower labels
    stratum_shift: float = 0.0
    stratum_delay: float = 1.0
    # added to the log odds of the truth, and of the scores, from DRIFT_DAY on
    concept_shift: float = 0.0
    covariate_shift: float = 0.0


SCENARIOS = [
    Scenario("both classes as fast", delays=(1.0, 1.0)),
    Scenario("positives 4 x slower"),
    Scenario("positives 4 x slower, speed varies 30 %", speed_variation=0.3),
    Scenario("positives 4 x slower, weekly batches", weekly=True),
    Scenario("positives 4 x slower, a fifth never labeled", never_labeled=0.2),
    Scenario(
        "rare positives, 4 x slower",
        scores=lambda random, n: random.beta(0.5, 20, n),
        rows_a_day=2000,
    ),
    Scenario(
        "one of two strata 4 x slower, classes as fast",
        rows_a_day=400,
        delays=(1.0, 1.0),
        stratum_shift=1.0,
        stratum_delay=4.0,
    ),
    Scenario(
        "one of two strata 4 x slower, some 60 positives a day",
        rows_a_day=110,
        delays=(1.0, 1.0),
        stratum_shift=3.0,
        stratum_delay=4.0,
    ),
    Scenario("concept drift from day 230", concept_shift=1.0),
    Scenario("covariate shift from day 230", covariate_shift=1.0),
]


def simulate(scenario: Scenario, seed: int) -> pd.DataFrame:
    """One row per prediction: day, score, label, and the day its label comes (or none)."""
    random = np.random.default_rng([SEED, seed])
    days = np.repeat(np.arange(DAYS), scenario.rows_a_day)
    late = days >= DRIFT_DAY
    truth = scenario.scores(random, len(days))
    hard = random.random(len(days)) < 0.5
    truth = expit(
        logit(truth) + scenario.covariate_shift * late + scenario.stratum_shift * hard
    )
    score = truth.copy()
    truth = expit(logit(truth) + scenario.concept_shift * late)
    label = (random.random(len(days)) < truth).astype(int)
    speed = np.exp(scenario.speed_variation * random.standard_normal(DAYS))[days]
    mean_delay = np.where(label == 1, scenario.delays[1], scenario.delays[0]) * speed
    mean_delay *= np.where(hard, scenario.stratum_delay, 1)
    arrival = days + random.random(len(days)) + random.exponential(mean_delay)
    if scenario.weekly:
        # day 0 is a Monday; labels wait for the next one
        arrival = np.ceil(arrival / 7) * 7 + 0.25
    arrival = np.where(random.random(len(days)) < scenario.never_labeled, np.inf, arrival)
    return pd.DataFrame(
        {
            "day": days,
            "score": score,
            "label": label,
            "stratum": np.where(hard, "hard", "easy"),
            "arrival": arrival,
        }
    )


def load(project: UserProject, rows: pd.DataFrame) -> None:
    """The two tables of a user."""
    rows = rows.reset_index(names="request_id")
    start = pd.Timestamp(FIRST_DATE)
    rows["predicted_at"] = start + pd.to_timedelta(rows["day"], unit="D")
    labels = rows[np.isfinite(rows["arrival"]) & (rows["arrival"] < DAYS)]
    labels = labels.assign(
        labeled_at=start + pd.to_timedelta(labels["arrival"], unit="D")
    )
    with duckdb.connect(str(project.path)) as connection:
        connection.execute("create schema raw")
        connection.register("all_rows", rows)
        connection.register("labels", labels)
        connection.execute(
            "create table raw.predictions as select cast(request_id as varchar) as "
            "request_id, 'simulated' as model_name, 'v1' as model_version, "
            "cast(predicted_at as timestamp) as predicted_at, score as probability, "
            "stratum "
            "from all_rows"
        )
        connection.execute(
            "create table raw.labels as select cast(request_id as varchar) as request_id, "
            "'simulated' as model_name, cast(label as varchar) as label, "
            "cast(labeled_at as timestamp) as labeled_at from labels"
        )


def realised(rows: pd.DataFrame, window: int) -> pd.DataFrame:
    """Mean loss of each window, from the labels that came within the horizon."""
    come = rows[rows["arrival"] < rows["day"] + HORIZON + 1]
    chance = np.where(come["label"] == 1, come["score"], 1 - come["score"])
    loss = pd.DataFrame({"day": come["day"], "loss": -np.log(chance)})
    daily = loss.groupby("day")["loss"].agg(["sum", "count"]).rolling(
        window, min_periods=1
    ).sum()
    mean = (daily["sum"] / daily["count"]).rename("truth").reset_index()
    return mean[mean["day"] <= DAYS - 1 - HORIZON]


def estimates(scenario: Scenario, seed: int, directory: Path) -> pd.DataFrame:
    """Every estimate of one simulated history, beside the truth."""
    path = directory / f"{abs(hash(scenario.name))}_{seed}.duckdb"
    variables = {
        "log_loss_cohorts": ["stratum"],
        "log_loss_estimate_history_days": DAYS + 1,
        "log_loss_as_of_date": str(FIRST_DATE + DAYS - 1),
    }
    project = UserProject(path, directory / "target", variables)
    rows = simulate(scenario, seed)
    load(project, rows)
    project.run("--select", "+log_loss_estimate")
    made = project.mart("log_loss_estimate")
    path.unlink()
    made["day"] = (made["metric_date"] - pd.Timestamp(FIRST_DATE)).dt.days
    truths = [realised(rows, w).assign(window_days=w) for w in (1, 7)]
    return made.merge(pd.concat(truths), on=["day", "window_days"])


def summary(made: pd.DataFrame) -> list[dict]:
    """Bias, error and coverage of what was estimated, per estimator, window and age."""
    made = made[made["age_days"].isin(AGES)].copy()
    made["error"] = made["estimated_log_loss"] / made["truth"] - 1
    covered = (made["estimate_ci_lower"] <= made["truth"]) & (
        made["truth"] <= made["estimate_ci_upper"]
    )
    made["covered"] = covered.astype(float).where(made["estimate_ci_lower"].notna())
    made["phase"] = np.select(
        [made["day"] >= DRIFT_DAY, made["day"] >= FIRST_JUDGED], ["after", "before"], "first"
    )
    # that is, until so many errors of single days are known
    is_early = (made["phase"] == "first") & (made["past_date_count"] < HORIZON)
    made = made[is_early | (made["phase"] != "first")]
    found = []
    for key, group in made.groupby(["phase", "window_days", "estimator", "age_days"]):
        known = group["error"].notna()
        found.append(
            {
                **dict(zip(["phase", "window_days", "estimator", "age_days"], key)),
                "count": int(known.sum()),
                "refused": float(1 - known.mean()),
                "reason": next(iter(group["reason"].dropna()), None),
                "bias": float(group["error"].mean()) if known.any() else None,
                "rms": float(np.sqrt((group["error"] ** 2).mean()))
                if known.any()
                else None,
                "covered": float(group["covered"].mean())
                if group["covered"].notna().any()
                else None,
            }
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--histories", type=int, default=8, help="per scenario")
    parser.add_argument("--only", help="scenarios whose name contains this")
    options = parser.parse_args()
    install_packages(HERE.parent / "pytests" / "project")
    results = {}
    for scenario in SCENARIOS:
        if options.only and options.only not in scenario.name:
            continue
        started = time.monotonic()
        with TemporaryDirectory() as directory:
            made = [
                estimates(scenario, seed, Path(directory))
                for seed in range(options.histories)
            ]
        results[scenario.name] = summary(pd.concat(made))
        print(f"{scenario.name}: {time.monotonic() - started:.0f} s", flush=True)
    about = {
        "histories": options.histories,
        "days": DAYS,
        "python": platform.python_version(),
        "duckdb": duckdb.__version__,
    }
    text = report(about, results)
    if options.only:
        print(text)
    else:
        (HERE / "results_estimates.md").write_text(text)


def report(about: dict, results: dict) -> str:
    """The results as tables."""
    lines = [
        "# Estimates of the loss to come, against the truth",
        "",
        f"{about['histories']} simulated histories of {about['days']} days each, through "
        "the package itself; `simulate_estimates.py`. Errors are relative to the loss that "
        f"the labels of {HORIZON} days give. Days of one history share their triangle and "
        "windows overlap: coverages of single days are known to about 1 %, those of 7-day "
        "windows to about 2 %.",
    ]
    for name, found in results.items():
        table = pd.DataFrame(found)
        drifts = "from day" in name
        # a drift changes nothing before it
        phases = ("after",) if drifts else ("later", "first")
        for phase in phases:
            titles = {"after": ": after it", "first": ": before 28 errors are known"}
            is_first = table["phase"] == "first"
            rows = table[{"after": table["phase"] == "after", "first": is_first}.get(
                phase, ~is_first
            )]
            lines += ["", f"## {name}{titles.get(phase, '')}", ""]
            lines += [
                "| estimator | window | age | bias | RMS error | interval covers | refused |",
                "| --- | --- | --- | --- | --- | --- | --- |",
            ]
            keys = ["estimator", "window_days", "age_days"]
            for key, group in rows.groupby(keys):
                lines.append(line(key, group))
    return "\n".join(lines) + "\n"


def line(key: tuple, group: pd.DataFrame) -> str:
    """One row of a table: phases weighted by their counts."""
    count = group["count"].sum()
    weights = group["count"] / max(count, 1)

    def mean(column: str, digits: int = 1) -> str:
        values = group[column].astype(float)
        if values.isna().all():
            return "–"
        return f"{100 * float((values * weights).sum()):.{digits}f} %"

    refused = f"{100 * float(group['refused'].mean()):.0f} %"
    reason = next((r for r in group["reason"] if r and group["refused"].max() > 0), None)
    refused += f", `{reason}`" if reason and refused != "0 %" else ""
    estimator, window, age = key
    return (
        f"| {estimator} | {window} | {age} | {mean('bias')} | {mean('rms')} | "
        f"{mean('covered')} | {refused} |"
    )


if __name__ == "__main__":
    main()
