"""A game day: break a model in every way that we know of, and see who is told, and when.

    python gameday/gameday.py DIRECTORY DATABASE

DIRECTORY holds the year of flights (`make_demo_data.py --year DIRECTORY`). The flights of
September to November, scored by v2 of flight_late, are given to a dozen models. v2 learned
in spring, and fewer flights are late in autumn: its scores are recalibrated, as a team
would have done after its tickets. From 4
November on each of them has one failure; `quiet` has none. The rows are loaded day by day
as they would have come in, the package runs on each of 21 days, and what it raises is
noted on the day. Then a table is printed: the failure, the first alert, how many days it
took, whether it pages, whom it names, and how often it had cried wolf before.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest

PROJECT = Path(__file__).parent
HISTORY_START = date(2013, 9, 1)
START = date(2013, 11, 4)
DAYS = 21
WEEK_END = START + timedelta(days=6)
RELABELED_ON = START + timedelta(days=10)
LOGIT = "ln(probability / (1 - probability))"
# of a logistic regression of the labels of September and October on v2's log odds
RECALIBRATED = f"1 / (1 + exp(0.637 - 0.826 * {LOGIT}))"
HAS_FAILED = f"predicted_at >= timestamp '{START}'"


@dataclass(frozen=True)
class Expected:
    """What the failure must raise: a rule, by when, how loud, and about whom."""

    rule: str
    days: int
    severity: str
    cohort: str = "all"
    # which cohort explains most of it
    comes_from: str | None = None


@dataclass(frozen=True)
class Failure:
    """One way to break a model, as SQL over clean rows; from START on unless it says."""

    name: str
    story: str
    expected: tuple[Expected, ...] = ()
    is_suppressed: bool = False
    probability: str = "probability"
    version: str = "model_version"
    copies: int = 1
    label_loaded_at: str = "loaded_at"
    keeps: str = "true"
    keeps_label: str = "true"
    relabels: str = "false"


def logistic(logit: str) -> str:
    return f"1 / (1 + exp(-({logit})))"


SHARPENED = logistic(f"4 * {LOGIT}")
HARDENED = logistic(f"12 * {LOGIT}")
STRETCHED = logistic(f"2 * {LOGIT}")
IS_CANARY = "hash(request_id) % 5 = 0"

FAILURES = [
    Failure("quiet", "nothing"),
    Failure(
        "wrong_scale",
        "a feature of flights from EWR arrives in another unit: scores far too sure",
        (
            Expected("fast_burn_rate", 14, "page", comes_from="origin=EWR"),
            Expected("cohort_log_loss_increase", 16, "page", "origin=EWR"),
        ),
        probability=f"case when origin = 'EWR' then {HARDENED} else probability end",
    ),
    Failure(
        "slow_labels",
        "labels take twice as long",
        (Expected("label_coverage_drop", 12, "ticket"),),
        label_loaded_at="predicted_at + 2 * (loaded_at - predicted_at)",
    ),
    Failure(
        "lost_labels",
        "the labels of one carrier, B6, stop coming",
        (Expected("label_coverage_drop", 10, "ticket", "carrier=B6"),),
        keeps_label="carrier <> 'B6'",
    ),
    Failure(
        "bad_canary",
        "a canary on a fifth of the flights is far too sure",
        (Expected("canary_difference", 10, "page"),),
        probability=f"case when {IS_CANARY} then {SHARPENED} else probability end",
        version=f"case when {IS_CANARY} then 'v3' else model_version end",
    ),
    Failure(
        "hard_scores",
        "probabilities are rounded to 0 and 1 on their way into the log",
        (
            Expected("clipped_loss_share", 8, "ticket"),
            Expected("fast_burn_rate", 8, "page"),
        ),
        probability="round(probability)",
    ),
    Failure(
        "swapped_classes",
        "the score of the other class is logged",
        (Expected("fast_burn_rate", 8, "page"),),
        probability="1 - probability",
    ),
    Failure(
        "duplicated_logs",
        "every row is logged twice",
        (Expected("duplicate_share", 2, "ticket"),),
        copies=2,
    ),
    Failure(
        "relabeled_week",
        f"on {RELABELED_ON} a third of the labels of a week are turned round",
        (Expected("correction_rate", 12, "ticket"),),
        relabels=(
            f"predicted_at < timestamp '{WEEK_END + timedelta(days=1)}'"
            " and hash(request_id) % 3 = 0"
        ),
    ),
    Failure(
        "stretched_scores",
        "a temperature is lost: log odds are twice what they were, their order the same",
        (Expected("calibration_gap", 20, "ticket"),),
        probability=STRETCHED,
    ),
    Failure(
        "other_traffic",
        "four of five flights of all carriers but EV and B6 are not asked about any more",
        (Expected("feature_drift", 6, "ticket", "carrier=all"),),
        keeps="(carrier in ('EV', 'B6') or hash(request_id) % 5 = 0)",
    ),
    Failure(
        "slow_positives",
        "the labels of late flights alone take three times as long",
        (Expected("label_coverage_drop", 14, "ticket"),),
        label_loaded_at=(
            "case when \"label\" in ('1', 'true', '1.0')"
            " then predicted_at + 3 * (loaded_at - predicted_at) else loaded_at end"
        ),
    ),
    Failure(
        "planned_retrain",
        "scores far too sure in weeks that somebody has announced",
        (Expected("fast_burn_rate", 12, "page"),),
        is_suppressed=True,
        probability=SHARPENED,
    ),
]


# --------------------------------------------------------------------------------------
# What comes in


def load_history(connection: duckdb.DuckDBPyConnection, year: Path) -> None:
    """Everything that will ever come in, with its load time, in the schema `flights`."""
    connection.execute("create schema flights")
    connection.execute("create schema raw")
    until = START + timedelta(days=DAYS)
    connection.execute(f"""
        create table flights.clean_predictions as
        select request_id, model_version, predicted_at, loaded_at, origin, carrier,
            greatest(1e-6, least(1 - 1e-6, {RECALIBRATED})) as probability
        from '{year / "predictions.parquet"}'
        where model_name = 'flight_late' and model_version = 'v2'
            and predicted_at >= '{HISTORY_START}' and predicted_at < '{until}'
            and probability > 0 and probability < 1
            -- the others have a few flights a day
            and carrier in ('9E', 'AA', 'B6', 'DL', 'EV', 'MQ', 'UA', 'US', 'WN')
        qualify row_number() over (partition by request_id order by loaded_at) = 1
    """)
    connection.execute(f"""
        create table flights.clean_labels as
        select labels.*, predicted_at, origin, carrier
        from '{year / "labels.parquet"}' as labels
        join flights.clean_predictions using (request_id)
        where labels.model_name = 'flight_late' and labels.loaded_at < '{until}'
    """.replace("labels.*", "request_id, label, labeled_at, labels.loaded_at"))
    predictions, labels = [], []
    for failure in FAILURES:
        for copy in range(failure.copies):
            is_meant = "true" if copy == 0 else HAS_FAILED
            predictions.append(f"""
                select request_id, '{failure.name}' as model_name,
                    case when {HAS_FAILED} then {failure.version} else model_version end
                        as model_version,
                    predicted_at, loaded_at, origin, carrier,
                    case when {HAS_FAILED} then {failure.probability} else probability end
                        as probability
                from flights.clean_predictions
                where {is_meant} and (not {HAS_FAILED} or {failure.keeps})
            """)
        labels.append(f"""
            select request_id, '{failure.name}' as model_name, "label", labeled_at,
                case when {HAS_FAILED} then {failure.label_loaded_at} else loaded_at end
                    as loaded_at
            from flights.clean_labels
            where not {HAS_FAILED} or ({failure.keeps} and {failure.keeps_label})
            union all
            select request_id, '{failure.name}',
                case when "label" in ('1', 'true', '1.0') then '0' else '1' end,
                timestamp '{RELABELED_ON}', timestamp '{RELABELED_ON} 12:00:00'
            from flights.clean_labels
            where {HAS_FAILED} and {failure.relabels}
                and loaded_at < '{RELABELED_ON}'
        """)
    for name, parts in [("predictions", predictions), ("labels", labels)]:
        connection.execute(
            f"create table flights.{name} as {' union all '.join(parts)}"
        )
        connection.execute(
            f"create table raw.{name} as from flights.{name} limit 0"
        )


def load_until(database: Path, since: date | None, day: date) -> None:
    """The rows that come in after `since`, up to the end of the day."""
    with duckdb.connect(str(database)) as connection:
        for name in ("predictions", "labels"):
            connection.execute(
                f"insert into raw.{name} from flights.{name}"
                f" where cast(loaded_at as date) <= date '{day}'"
                + (f" and cast(loaded_at as date) > date '{since}'" if since else "")
            )


def dbt(*arguments: str, parsed: Manifest | None = None) -> dbtRunnerResult:
    result = dbtRunner(parsed).invoke(
        ["--quiet", *arguments]
        + ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
    )
    if not result.success:
        raise SystemExit(f"dbt {' '.join(arguments)} failed: {result.exception}")
    return result


# --------------------------------------------------------------------------------------
# What is raised


def alerts_of(database: Path, after: date, until: date) -> list[dict]:
    with duckdb.connect(str(database)) as connection:
        result = connection.execute(
            "select * from log_loss_alerts"
            f" where alert_date > date '{after}' and alert_date <= date '{until}'"
        )
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def play(
    year: Path, database: Path, days: Iterable[int] = range(DAYS)
) -> list[dict]:
    """Every alert as it was raised on its day; of the days before START all at once.

    `days` are those on which the package runs, counted from START. What was raised on a
    day between two of them is noted at the later.
    """
    database.unlink(missing_ok=True)
    with duckdb.connect(str(database)) as connection:
        load_history(connection, year)
    if not (PROJECT / "dbt_packages").exists():
        dbt("deps")
    os.environ["GAMEDAY_DUCKDB_PATH"] = str(database)
    folder = str(database.parent / "target")
    paths = ("--target-path", folder, "--log-path", folder)
    # parsed once for all days
    parsed = dbt("parse", *paths).result
    since, raised = None, []
    for number in (-1, *days):
        day = START + timedelta(days=number)
        load_until(database, since, day)
        dbt("run", "--select", "+log_loss_alerts", *paths, parsed=parsed)
        raised += alerts_of(database, since or HISTORY_START, day)
        since = day
    return raised


def cohort_of(alert: dict) -> str:
    if alert["cohort_name"] == "all":
        return "all"
    return f"{alert['cohort_name']}={alert['cohort_value']}"


def named_by(alert: dict) -> str:
    """The cohort that it is about, or else the one that most of it comes from."""
    if alert["cohort_name"] != "all" or not alert["top_cohorts"]:
        return cohort_of(alert)
    return alert["top_cohorts"].split(",")[0]


@dataclass(frozen=True)
class Outcome:
    """What became of one expectation."""

    failure: Failure
    expected: Expected | None
    first: dict | None
    false_alarms: int
    pages_of_others: int

    @property
    def days(self) -> int | None:
        return self.first and (self.first["alert_date"] - START).days


def outcomes_of(alerts: list[dict]) -> list[Outcome]:
    found = []
    for failure in FAILURES:
        own = [alert for alert in alerts if alert["model_name"] == failure.name]
        loud = [alert for alert in own if not alert["is_suppressed"]]
        before = {a["dedupe_key"] for a in loud if a["alert_date"] < START}
        pages = {
            a["dedupe_key"]
            for a in loud
            if a["severity"] == "page" and a["alert_date"] >= START
        }
        for expected in failure.expected or (None,):
            raised = [
                alert
                for alert in own
                if expected
                and alert["alert_date"] >= START
                and alert["rule"] == expected.rule
                and cohort_of(alert) == expected.cohort
                and alert["severity"] == expected.severity
                and alert["is_suppressed"] == failure.is_suppressed
            ]
            first = min(raised, key=lambda alert: alert["alert_date"], default=None)
            found.append(Outcome(failure, expected, first, len(before), len(pages)))
    return found


def table(outcomes: list[Outcome]) -> list[str]:
    rows = [("failure", "first alert", "days", "stated", "severity", "names", "before")]
    for outcome in outcomes:
        expected, first = outcome.expected, outcome.first
        rows.append(
            (
                outcome.failure.name,
                "none"
                if expected is None
                else expected.rule
                if first
                else f"NOT {expected.rule}",
                str(outcome.days) if first else "",
                str(expected.days) if expected else "",
                (first["suppression_reason"] or first["severity"]) if first else "",
                named_by(first) if first else "",
                str(outcome.false_alarms),
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]


def main(year: Path, database: Path) -> None:
    print("\n".join(table(outcomes_of(play(year, database)))))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
