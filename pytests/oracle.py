"""The marts computed a second time, row by row, from the definitions alone.

Nothing here knows the package's SQL. For a day d the oracle takes the input rows loaded
by d, rejects, drops duplicates, picks the latest label event of each request, computes
one loss per prediction in plain Python and groups. History is not kept in signed sums:
the state as of another day is computed again from that day's rows.

Tolerances follow the contract: counts are exact, and a sum may differ by 1e-12 times
the sum of the absolute amounts of all ledger entries behind it (a mean: that over n).
A statistic made of several sums gets the tolerance that these sums imply, propagated in
the function that computes it. Nothing else widens a tolerance.
"""

from __future__ import annotations

import copy
import math
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache

import numpy as np
import sklearn.metrics
from scipy.special import entr

Row = dict[str, object]
Key = tuple[date, str, str]
Scope = tuple[str, str]

RELATIVE_TOLERANCE = 1e-12
UNDATED = date(1970, 1, 1)
Z_95 = 1.959963984540054
OVERALL: Scope = ("all", "all")
AGES = (1, 3, 7, 14, 28)


@dataclass(frozen=True)
class Near:
    """A number and how far from it a correct package may be."""

    value: float
    within: float


class _Undetermined:
    """The tolerated sums leave the statistic open; null or finite are both right."""

    def __repr__(self) -> str:
        return "UNDETERMINED"


UNDETERMINED = _Undetermined()


# --------------------------------------------------------------------------------------
# Settings


def normalized(label: object) -> str:
    """The documented normalisation of a label's spelling."""
    text = str(label).strip(" ").lower()
    text = {"true": "1", "false": "0"}.get(text, text)
    return re.sub(r"\.0+$", "", text)


@dataclass(frozen=True)
class Classes:
    """A model's classes in order, and the columns of their probabilities."""

    labels: tuple[str, ...]
    columns: tuple[str | None, ...]

    @classmethod
    def declared(cls, entries: list[dict]) -> Classes:
        """Of two classes the one with a column is the positive one: the second."""
        if len(entries) == 2 and entries[1].get("column") is None:
            entries = entries[::-1]
        return cls(
            tuple(str(entry["label"]) for entry in entries),
            tuple(entry.get("column") for entry in entries),
        )

    def position(self, label: object) -> int | None:
        """0 for a withdrawal, else the class's place from 1; None if unknown."""
        if label is None:
            return 0
        spellings = [normalized(declared) for declared in self.labels]
        spelling = normalized(label)
        return spellings.index(spelling) + 1 if spelling in spellings else None

    def probabilities(self, row: Row) -> tuple[float | None, ...]:
        given = [None if name is None else row[name] for name in self.columns]
        if self.columns[0] is None and given[1] is not None:
            given[0] = 1.0 - given[1]
        return tuple(given)


UNDECLARED = Classes(("0", "1"), (None, "probability"))


@dataclass(frozen=True)
class Settings:
    """The package's variables, with the defaults that the contract gives."""

    models: dict[str, Classes]
    cohorts: tuple[str, ...]
    weight: str | None
    epsilon: float
    probability_sum_tolerance: float
    as_of_date: date | None
    mature_coverage: float
    mature_days: int
    correction_absolute: float
    correction_relative: float

    @classmethod
    def of(cls, variables: dict) -> Settings:
        def setting(name: str, default: object) -> object:
            return variables.get(f"log_loss_{name}", default)

        declared = setting("models", [])
        as_of_date = setting("as_of_date", None)
        return cls(
            models={m["name"]: Classes.declared(m["classes"]) for m in declared},
            cohorts=tuple(setting("cohorts", [])),
            weight=setting("weight", None),
            epsilon=setting("epsilon", 1e-15),
            probability_sum_tolerance=setting("probability_sum_tolerance", 1e-3),
            as_of_date=as_of_date and date.fromisoformat(as_of_date),
            mature_coverage=setting("mature_coverage", 0.8),
            mature_days=setting("mature_days", 14),
            correction_absolute=setting("correction_absolute", 0.01),
            correction_relative=setting("correction_relative", 0.02),
        )

    def classes(self, model_name: str | None) -> Classes:
        return self.models.get(model_name, UNDECLARED)


# --------------------------------------------------------------------------------------
# Input rows and what is wrong with them


@dataclass(frozen=True, eq=False)
class Prediction:
    request_id: str | None
    model_name: str
    model_version: str
    predicted_at: datetime | None
    loaded_at: datetime | None
    metric_date: date
    probabilities: tuple[float | None, ...]
    cohorts: tuple[str, ...]
    weight: float | None
    reason: str | None

    @property
    def recorded_date(self) -> date:
        return day_of(self.loaded_at)

    @property
    def key(self) -> Key:
        return self.metric_date, self.model_name, self.model_version

    @property
    def identity(self) -> tuple:
        return self.request_id, self.model_name, self.model_version

    @property
    def load_order(self) -> tuple:
        """First loaded, then first predicted, then all other columns."""
        return (
            self.loaded_at,
            self.predicted_at,
            self.probabilities,
            self.cohorts,
            self.weight,
        )


@dataclass(frozen=True, eq=False)
class LabelEvent:
    request_id: str | None
    model_name: str
    label: str | None
    position: int | None
    labeled_at: datetime | None
    loaded_at: datetime | None
    reason: str | None

    @property
    def recorded_date(self) -> date:
        return day_of(self.loaded_at)

    @property
    def identity(self) -> tuple:
        return self.request_id, self.model_name, self.labeled_at, self.position

    @property
    def truth_order(self) -> tuple:
        """The latest of these is the truth."""
        return self.labeled_at, self.loaded_at, self.position


def day_of(moment: datetime | None) -> date:
    return UNDATED if moment is None else moment.date()


def text(value: object) -> str | None:
    return None if value in (None, "") else str(value)


def with_usable_times(row: Row) -> Row:
    """Sentinels such as 9999-12-31 count as missing."""
    return {
        name: None if isinstance(value, datetime) and not is_usable(value) else value
        for name, value in row.items()
    }


def is_usable(moment: datetime) -> bool:
    return 1900 <= moment.year < 3000


def usable_load_time(row: Row, event_time: str, now: datetime) -> datetime | None:
    """A load time in the future says nothing about when a row was loaded."""
    loaded_at = row.get("loaded_at") or row[event_time]
    return None if is_future(loaded_at, now) else loaded_at


def is_future(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment > now + timedelta(days=1)


def comes_from_the_future(row: Row, event_time: str, now: datetime) -> bool:
    """Loaded in the future, or more than a day before it happened."""
    loaded_at = row.get("loaded_at") or row[event_time]
    return is_future(loaded_at, now) or is_future(row[event_time], loaded_at)


def read_prediction(row: Row, settings: Settings, now: datetime) -> Prediction:
    classes = settings.classes(text(row["model_name"]))
    loaded_at = usable_load_time(row, "predicted_at", now)
    return Prediction(
        request_id=text(row["request_id"]),
        model_name=text(row["model_name"]) or "(unknown)",
        model_version=text(row["model_version"]) or "(unknown)",
        predicted_at=row["predicted_at"],
        loaded_at=loaded_at,
        metric_date=day_of(row["predicted_at"] or row.get("loaded_at")),
        probabilities=classes.probabilities(row),
        cohorts=tuple(
            "(unknown)" if row[name] is None else str(row[name])
            for name in settings.cohorts
        ),
        weight=row[settings.weight] if settings.weight else 1.0,
        reason=prediction_reason(row, settings, now),
    )


def prediction_reason(row: Row, settings: Settings, now: datetime) -> str | None:
    """The first reason, in the contract's order, to reject a row by itself."""
    probabilities = settings.classes(text(row["model_name"])).probabilities(row)
    if text(row["request_id"]) is None:
        return "missing_request_id"
    if text(row["model_name"]) is None or text(row["model_version"]) is None:
        return "missing_model"
    if row["predicted_at"] is None:
        return "missing_predicted_at"
    if None in probabilities:
        return "missing_probability"
    if not all(0 <= probability <= 1 for probability in probabilities):
        return "probability_out_of_range"
    if not abs(sum(probabilities) - 1) <= settings.probability_sum_tolerance:
        return "probabilities_do_not_sum_to_one"
    if settings.weight and not is_weight(row[settings.weight]):
        return "invalid_weight"
    if comes_from_the_future(row, "predicted_at", now):
        return "future_timestamp"
    return None


def is_weight(weight: float | None) -> bool:
    return weight is not None and 0 <= weight <= 1e100


def read_label(row: Row, settings: Settings, now: datetime) -> LabelEvent:
    classes = settings.classes(text(row["model_name"]))
    position = classes.position(row["label"])
    return LabelEvent(
        request_id=text(row["request_id"]),
        model_name=text(row["model_name"]) or "(unknown)",
        label=classes.labels[position - 1] if position else None,
        position=position,
        labeled_at=row["labeled_at"],
        loaded_at=usable_load_time(row, "labeled_at", now),
        reason=label_reason(row, position, now),
    )


def label_reason(row: Row, position: int | None, now: datetime) -> str | None:
    if text(row["request_id"]) is None:
        return "missing_request_id"
    if text(row["model_name"]) is None:
        return "missing_model"
    if row["labeled_at"] is None:
        return "missing_labeled_at"
    if position is None:
        return "unknown_class"
    if comes_from_the_future(row, "labeled_at", now):
        return "future_timestamp"
    return None


def reject_duplicates(rows: list, order: Callable, reason: str) -> list:
    """Of the valid rows with one identity all but the first in order are rejected."""
    seen = set()
    judged = [row for row in rows if row.reason is not None]
    for row in sorted((row for row in rows if row.reason is None), key=order):
        judged.append(replace(row, reason=reason) if row.identity in seen else row)
        seen.add(row.identity)
    return judged


# --------------------------------------------------------------------------------------
# One prediction and one label


@dataclass(frozen=True)
class Score:
    """What one label says about one prediction; all zero without a label."""

    position: int = 0
    loss: float = 0.0
    focal_loss: float = 0.0
    brier: float = 0.0
    spherical: float = 0.0
    weight: float = 0.0
    is_correct: bool = False
    is_clipped: bool = False

    @property
    def clipped_loss(self) -> float:
        return self.loss if self.is_clipped else 0.0


NO_SCORE = Score()


def clip(probability: float, epsilon: float) -> float:
    return min(max(probability, epsilon), 1.0 - epsilon)


def predicted_position(probabilities: tuple[float, ...]) -> int:
    """Two classes: the positive one from a half on; else the first of the largest."""
    if len(probabilities) == 2:
        return 2 if probabilities[1] >= 0.5 else 1
    return int(np.argmax(probabilities)) + 1


def brier_score(probabilities: tuple[float, ...], position: int) -> float:
    if len(probabilities) == 2:
        return (probabilities[1] - (position == 2)) ** 2
    return sum(
        (probability - (place == position)) ** 2
        for place, probability in enumerate(probabilities, start=1)
    )


@lru_cache(maxsize=100_000)
def score_of(prediction: Prediction, position: int, epsilon: float) -> Score:
    probability = prediction.probabilities[position - 1]
    clipped = clip(probability, epsilon)
    return Score(
        position=position,
        loss=-math.log(clipped),
        focal_loss=-((1.0 - clipped) ** 2) * math.log(clipped),
        brier=brier_score(prediction.probabilities, position),
        spherical=probability / float(np.linalg.norm(prediction.probabilities)),
        weight=prediction.weight,
        is_correct=predicted_position(prediction.probabilities) == position,
        is_clipped=probability < epsilon,
    )


@dataclass(frozen=True)
class Transition:
    """An instant at which another event became the truth about a prediction."""

    recorded_at: datetime
    before: LabelEvent | None
    after: LabelEvent | None

    @property
    def recorded_date(self) -> date:
        return self.recorded_at.date()

    @property
    def kind(self) -> str:
        if self.before is None:
            return "new"
        return "withdrawn" if self.after is None else "revised"


def label_in_force(events: list[LabelEvent], moment: datetime) -> LabelEvent | None:
    """The latest event among those loaded so far, unless it withdraws the label."""
    loaded = [event for event in events if event.loaded_at <= moment]
    latest = max(loaded, key=lambda event: event.truth_order, default=None)
    return latest if latest is not None and latest.position > 0 else None


def transitions_of(
    prediction: Prediction, events: list[LabelEvent]
) -> list[Transition]:
    """Look at every instant at which something was loaded, and note what changed."""
    instants = sorted({max(prediction.loaded_at, e.loaded_at) for e in events})
    transitions, before = [], None
    for instant in instants:
        after = label_in_force(events, instant)
        if after is not before:
            transitions.append(Transition(instant, before, after))
        before = after
    return transitions


# --------------------------------------------------------------------------------------
# Sums and statistics of a group, each with its tolerance


@dataclass(frozen=True)
class Scored:
    """A prediction as of some day: its label, and all entries posted about it."""

    prediction: Prediction
    event: LabelEvent | None
    score: Score
    entries: tuple[Score, ...]
    transitions: tuple[Transition, ...]

    @property
    def is_labeled(self) -> bool:
        return self.event is not None

    @property
    def is_label_before_prediction(self) -> bool:
        return (
            self.event is not None
            and self.event.labeled_at < self.prediction.predicted_at
        )


def near_sum(group: list[Scored], amount: Callable[[Score], float]) -> Near:
    """The sum over the labels in force, within 1e-12 of the gross of the entries."""
    value = math.fsum(amount(row.score) for row in group if row.is_labeled)
    gross = math.fsum(abs(amount(e)) for row in group for e in row.entries)
    return Near(value, RELATIVE_TOLERANCE * gross)


def divided(numerator: Near, denominator: int) -> Near | None:
    if denominator == 0:
        return None
    return Near(numerator.value / denominator, numerator.within / denominator)


def minus(left: Near | None, right: Near | None) -> Near | None:
    if left is None or right is None:
        return None
    return Near(left.value - right.value, left.within + right.within)


def quotient(numerator: Near, denominator: Near) -> Near | None | _Undetermined:
    """Of two uncertain sums; nothing is known once the denominator may be zero."""
    if denominator.value == 0 and denominator.within == 0:
        return None
    if abs(denominator.value) <= denominator.within:
        return UNDETERMINED
    ratio = numerator.value / denominator.value
    slack = numerator.within + abs(ratio) * denominator.within
    return Near(ratio, slack / (abs(denominator.value) - denominator.within))


def count_ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def labeled(group: list[Scored]) -> list[Scored]:
    return [row for row in group if row.is_labeled]


def losses(group: list[Scored]) -> np.ndarray:
    return np.array([row.score.loss for row in group if row.is_labeled])


def mean_loss(group: list[Scored]) -> Near | None:
    return divided(near_sum(group, lambda s: s.loss), len(labeled(group)))


def percentiles(group: list[Scored]) -> Row:
    """Exact quantiles; a bin's value is within 2 % of them, and 0 below 1e-9."""
    values = losses(group)
    found = {}
    for percent in (50, 95, 99):
        name = f"p{percent}_log_loss"
        if not len(values):
            found[name] = None
            continue
        exact = float(
            np.quantile(values, percent / 100, method="inverted_cdf")
        )
        found[name] = Near(exact, 0.02 * exact * (1 + 1e-9) if exact >= 1e-9 else 1e-9)
    return found


def scikit_learn_mean_loss(group: list[Scored], epsilon: float) -> float:
    """scikit-learn's own mean, of the clipped probabilities of every class.

    Clipping p alone would let 1 - p round. scikit-learn only warns about rows that do
    not sum to one and, like the contract, does not rescale them.
    """
    rows = labeled(group)
    matrix = np.array([row.prediction.probabilities for row in rows])
    positions = [row.event.position for row in rows]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*do not sum to one.*")
        return sklearn.metrics.log_loss(
            positions,
            np.clip(matrix, epsilon, 1 - epsilon),
            labels=range(1, matrix.shape[1] + 1),
        )


def stddev(group: list[Scored]) -> Near | None:
    """The sample's; its tolerance is that of (sum l2 - (sum l)2 / n) / (n - 1)."""
    n = len(labeled(group))
    if n < 2:
        return None
    loss = near_sum(group, lambda s: s.loss)
    squared = near_sum(group, lambda s: s.loss**2)
    squared_mean_slack = (2 * abs(loss.value) + loss.within) * loss.within / n
    slack = (squared.within + squared_mean_slack) / (n - 1)
    value = float(np.std(losses(group), ddof=1))
    # |sqrt a - sqrt b| is at most sqrt |a - b| and at most |a - b| / sqrt b
    within = math.sqrt(slack) if value == 0 else min(math.sqrt(slack), slack / value)
    return Near(value, within)


def rarest_label_count(group: list[Scored], classes: Classes) -> int | None:
    """How often the rarer of two classes occurs; more classes have no such rule."""
    if len(classes.labels) != 2:
        return None
    counts = Counter(row.event.position for row in labeled(group))
    return min(counts[1], counts[2])


def confidence_limit(sign: int, mean: float, deviation: float, n: int) -> float:
    try:
        return mean * math.exp(sign * Z_95 * deviation / math.sqrt(n) / mean)
    except OverflowError:
        return math.inf


def interval(
    group: list[Scored], rarest: int | None
) -> tuple[Near | _Undetermined | None, Near | _Undetermined | None]:
    n = len(labeled(group))
    if n < 30 or (rarest is not None and rarest < 10):
        return None, None
    mean, deviation = mean_loss(group), stddev(group)
    return _limit(-1, mean, deviation, n), _limit(1, mean, deviation, n)


def _limit(sign: int, mean: Near, deviation: Near, n: int) -> Near | _Undetermined:
    """The limit at the corners of what mean and deviation may be bounds its slack."""
    if mean.value <= mean.within:
        return UNDETERMINED
    value = confidence_limit(sign, mean.value, deviation.value, n)
    corners = [
        confidence_limit(
            sign,
            mean.value + up * mean.within,
            max(0.0, deviation.value + out * deviation.within),
            n,
        )
        for up in (-1, 1)
        for out in (-1, 1)
    ]
    spread = max(abs(corner - value) for corner in corners)
    return Near(value, spread + RELATIVE_TOLERANCE * value)


def base_rate_entropy(group: list[Scored]) -> Near | None:
    """In nats, of the shares of the labels; 0 where there is one label only."""
    counts = Counter(row.event.position for row in labeled(group))
    if not counts:
        return None
    shares = np.array(list(counts.values())) / counts.total()
    value = float(entr(shares).sum())
    return Near(value, RELATIVE_TOLERANCE * value)


def normalized_entropy(mean: Near | None, entropy: Near | None):
    return None if mean is None else quotient(mean, entropy)


def perplexity(mean: Near | None) -> Near | None:
    if mean is None:
        return None
    value = math.exp(mean.value)
    return Near(value, value * (math.expm1(mean.within) + RELATIVE_TOLERANCE))


def is_fragile(group: list[Scored]) -> bool:
    return 1 <= sum(row.score.is_clipped for row in group) <= 9


# --------------------------------------------------------------------------------------
# The state of the world as of a day


@dataclass(frozen=True)
class Snapshot:
    """Everything that follows from the rows loaded by the end of a day."""

    day: date
    settings: Settings
    predictions: list[Prediction]
    labels: list[LabelEvent]

    @classmethod
    def of(
        cls,
        day: date,
        settings: Settings,
        predictions: Iterable[Prediction],
        labels: Iterable[LabelEvent],
    ) -> Snapshot:
        return cls(
            day,
            settings,
            reject_duplicates(
                [row for row in predictions if row.recorded_date <= day],
                lambda row: row.load_order,
                "duplicate_prediction",
            ),
            reject_duplicates(
                [row for row in labels if row.recorded_date <= day],
                lambda row: row.loaded_at,
                "duplicate_label",
            ),
        )

    @cached_property
    def events(self) -> dict[tuple, list[LabelEvent]]:
        events = defaultdict(list)
        for label in self.labels:
            if label.reason is None:
                events[label.request_id, label.model_name].append(label)
        return events

    @cached_property
    def accepted(self) -> dict[Key, list[Prediction]]:
        accepted = defaultdict(list)
        for row in self.predictions:
            if row.reason is None:
                accepted[row.key].append(row)
        return accepted

    @cached_property
    def scored(self) -> list[Scored]:
        return [row for key in self.accepted for row in self.group(key)]

    def group(self, key: Key, scope: Scope = OVERALL) -> list[Scored]:
        """The accepted predictions of one date, model, version and scope."""
        if key not in self._scored_days:
            self._scored_days[key] = self._score_day(key)
        return self._scored_days[key].get(scope, [])

    @cached_property
    def _scored_days(self) -> dict[Key, dict[Scope, list[Scored]]]:
        return {}

    def _score_day(self, key: Key) -> dict[Scope, list[Scored]]:
        by_scope = defaultdict(list)
        for prediction in self.accepted.get(key, []):
            scored = self._score(prediction)
            for scope in self.scopes(prediction):
                by_scope[scope].append(scored)
        return by_scope

    @cached_property
    def scopes_of_days(self) -> set[tuple[Key, Scope]]:
        return {
            (key, scope)
            for key, predictions in self.accepted.items()
            for prediction in predictions
            for scope in self.scopes(prediction)
        }

    def _score(self, prediction: Prediction) -> Scored:
        events = self._events_of(prediction)
        event = label_in_force(events, datetime.combine(self.day, time.max))
        transitions = transitions_of(prediction, events)
        entries = [
            self._judge(prediction, label)
            for transition in transitions
            for label in (transition.before, transition.after)
        ]
        return Scored(
            prediction,
            event,
            self._judge(prediction, event),
            tuple(entries),
            tuple(transitions),
        )

    def _events_of(self, prediction: Prediction) -> list[LabelEvent]:
        return self.events.get((prediction.request_id, prediction.model_name), [])

    def _judge(self, prediction: Prediction, label: LabelEvent | None) -> Score:
        if label is None:
            return NO_SCORE
        return score_of(prediction, label.position, self.settings.epsilon)

    def scopes(self, prediction: Prediction) -> list[Scope]:
        cohorts = zip(self.settings.cohorts, prediction.cohorts, strict=True)
        return [OVERALL, *cohorts]

    @cached_property
    def rejected_counts(self) -> Counter:
        return Counter(
            (row.key, scope)
            for row in self.predictions
            if row.reason is not None
            for scope in self.scopes(row)
        )

    @cached_property
    def states(self) -> Counter:
        """How many label events are in each state, by model."""
        return Counter((row.model_name, self.state(row)) for row in self.labels)

    @cached_property
    def _predicted(self) -> set[tuple[str, str]]:
        return {
            (row.prediction.request_id, row.prediction.model_name)
            for row in self.scored
        }

    def state(self, label: LabelEvent) -> str:
        if label.reason is not None:
            return "rejection"
        request = (label.request_id, label.model_name)
        if request not in self._predicted:
            return "unmatched"
        latest = max(self.events[request], key=lambda event: event.truth_order)
        return "effective" if label is latest else "superseded"


# --------------------------------------------------------------------------------------
# The marts


class Oracle:
    """Every mart, as lists of rows, from rows of the two inputs."""

    def __init__(
        self, predictions: list[Row], labels: list[Row], variables: dict | None = None
    ) -> None:
        self.settings = Settings.of(variables or {})
        self.raw_prediction_count = len(predictions)
        self.raw_label_count = len(labels)
        now = datetime.now(UTC).replace(tzinfo=None)
        self._predictions = [
            read_prediction(with_usable_times(row), self.settings, now)
            for row in predictions
        ]
        self._labels = [
            read_label(with_usable_times(row), self.settings, now) for row in labels
        ]
        self._snapshots: dict[date, Snapshot] = {}

    @cached_property
    def recorded_dates(self) -> list[date]:
        rows = [*self._predictions, *self._labels]
        return sorted({row.recorded_date for row in rows if row.loaded_at is not None})

    @cached_property
    def as_of_date(self) -> date | None:
        """The clock: the latest date on which anything was loaded."""
        latest = self.recorded_dates[-1] if self.recorded_dates else None
        return self.settings.as_of_date or latest

    def rewound(self, as_of_date: date) -> Oracle:
        """The same rows under another clock; what was known on a day stays known."""
        other = copy.copy(self)
        other.settings = replace(self.settings, as_of_date=as_of_date)
        other.__dict__.pop("as_of_date", None)
        return other

    def snapshot(self, day: date) -> Snapshot:
        return Snapshot.of(day, self.settings, self._predictions, self._labels)

    def as_of(self, day: date) -> Snapshot:
        if day not in self._snapshots:
            self._snapshots[day] = self.snapshot(day)
        return self._snapshots[day]

    @property
    def now(self) -> Snapshot:
        return self.as_of(self.as_of_date or UNDATED)

    def marts(self) -> dict[str, list[Row]]:
        return {
            "log_loss_daily": self.daily(),
            "log_loss_daily_by_cohort": self.daily_by_cohort(),
            "log_loss_daily_by_class": self.daily_by_class(),
            "log_loss_label_coverage": self.label_coverage(),
            "log_loss_rejections": self.rejections(),
            "log_loss_retroactive_corrections": self.retroactive_corrections(),
        }

    # ------------------------------------------------------------------ performance

    def _scopes(self) -> list[tuple[Key, Scope]]:
        """Every day with accepted predictions, or with rejected ones by the clock."""
        rejected = {
            (key, scope)
            for key, scope in self.now.rejected_counts
            if self.as_of_date and UNDATED < key[0] <= self.as_of_date
        }
        return sorted(self.now.scopes_of_days | rejected)

    def _counts(self, key: Key, scope: Scope) -> Row:
        group = self.now.group(key, scope)
        n = len(labeled(group))
        return {
            "prediction_count": len(group),
            "rejected_count": self.now.rejected_counts[key, scope],
            "labeled_count": n,
            "label_coverage": count_ratio(n, len(group)),
        }

    def _is_mature(self, key: Key, scope: Scope) -> bool:
        group = self.now.group(key, scope)
        if not group:
            return False
        coverage = len(labeled(group)) / len(group)
        age = (self.as_of_date - key[0]).days
        return (
            coverage >= self.settings.mature_coverage
            or age >= self.settings.mature_days
        )

    def _mean_and_interval(self, key: Key, group: list[Scored]) -> Row:
        rarest = rarest_label_count(group, self.settings.classes(key[1]))
        lower, upper = interval(group, rarest)
        return {
            "mean_log_loss": mean_loss(group),
            "log_loss_stddev": stddev(group),
            "log_loss_ci_lower": lower,
            "log_loss_ci_upper": upper,
            "ci_is_fragile": is_fragile(group),
        }

    def daily(self) -> list[Row]:
        return [self._day(key) for key, scope in self._scopes() if scope == OVERALL]

    def _day(self, key: Key) -> Row:
        group = self.now.group(key)
        n = len(labeled(group))
        mean, entropy = mean_loss(group), base_rate_entropy(group)
        clipped_count = sum(row.score.is_clipped for row in group)
        loss = near_sum(group, lambda s: s.loss)
        clipped_loss = near_sum(group, lambda s: s.clipped_loss)
        weight = near_sum(group, lambda s: s.weight)
        weighted_loss = near_sum(group, lambda s: s.weight * s.loss)
        return {
            **_names(key),
            **self._counts(key, OVERALL),
            **self._mean_and_interval(key, group),
            **percentiles(group),
            "class_balanced_log_loss": self._class_balanced(group),
            "mean_focal_loss": divided(near_sum(group, lambda s: s.focal_loss), n),
            "mean_log_loss_unclipped": divided(
                minus(loss, clipped_loss), n - clipped_count
            ),
            "weighted_log_loss": quotient(weighted_loss, weight) if n else None,
            "mean_brier": divided(near_sum(group, lambda s: s.brier), n),
            "mean_spherical_score": divided(near_sum(group, lambda s: s.spherical), n),
            "accuracy": count_ratio(sum(row.score.is_correct for row in group), n),
            "base_rate_entropy": entropy,
            "normalized_entropy": normalized_entropy(mean, entropy),
            "perplexity": perplexity(mean),
            "clipped_count": clipped_count,
            "clipped_loss_share": quotient(clipped_loss, loss) if n else None,
            "label_before_prediction_count": sum(
                row.is_label_before_prediction for row in group
            ),
            "mean_log_loss_7d": mean_loss(self._window(key, 7)),
            "mean_log_loss_28d": mean_loss(self._window(key, 28)),
            "is_mature": self._is_mature(key, OVERALL),
        }

    def _class_balanced(self, group: list[Scored]) -> Near | None:
        """Every class that occurs counts the same."""
        means = [
            mean_loss([self._of_class(row, position) for row in group])
            for position in {row.event.position for row in labeled(group)}
        ]
        if not means:
            return None
        return Near(
            math.fsum(mean.value for mean in means) / len(means),
            math.fsum(mean.within for mean in means) / len(means),
        )

    def _window(self, key: Key, days: int) -> list[Scored]:
        """The rows of the calendar days up to this one, missing days included."""
        metric_date, model_name, model_version = key
        return [
            row
            for age in range(days)
            for row in self.now.group(
                (metric_date - timedelta(age), model_name, model_version)
            )
        ]

    def daily_by_cohort(self) -> list[Row]:
        return [
            self._cohort(key, scope)
            for key, scope in self._scopes()
            if scope != OVERALL
        ]

    def _cohort(self, key: Key, scope: Scope) -> Row:
        group = self.now.group(key, scope)
        overall = mean_loss(self.now.group(key))
        return {
            **_names(key),
            "cohort_name": scope[0],
            "cohort_value": scope[1],
            **self._counts(key, scope),
            **self._mean_and_interval(key, group),
            "loss_vs_overall": minus(mean_loss(group), overall),
            "is_mature": self._is_mature(key, scope),
        }

    def daily_by_class(self) -> list[Row]:
        return [
            self._class(key, label)
            for key in self.now.accepted
            for label in sorted({r.event.label for r in labeled(self.now.group(key))})
        ]

    def _class(self, key: Key, label: str) -> Row:
        """Entries of predictions that once had this label count in its tolerance."""
        day = self.now.group(key)
        position = self.settings.classes(key[1]).labels.index(label) + 1
        group = [self._of_class(row, position) for row in day]
        n = len(labeled(group))
        lower, upper = interval(group, rarest=None)
        return {
            **_names(key),
            "label": label,
            "labeled_count": n,
            "label_share": n / len(labeled(day)),
            "mean_log_loss": mean_loss(group),
            "log_loss_stddev": stddev(group),
            "log_loss_ci_lower": lower,
            "log_loss_ci_upper": upper,
            "ci_is_fragile": is_fragile(group),
            **percentiles(group),
            "recall": sum(row.score.is_correct for row in labeled(group)) / n,
        }

    def _of_class(self, row: Scored, position: int) -> Scored:
        """The prediction as seen by one label; unlabelled for all the others."""
        entries = tuple(entry for entry in row.entries if entry.position == position)
        if row.event is not None and row.event.position == position:
            return replace(row, entries=entries)
        return replace(row, event=None, score=NO_SCORE, entries=entries)

    # ----------------------------------------------------------------------- labels

    def label_coverage(self) -> list[Row]:
        return [
            self._coverage(key, scope) for key, scope in self.now.scopes_of_days
        ]

    def _coverage(self, key: Key, scope: Scope) -> Row:
        delays = sorted(
            (first.recorded_date - key[0]).days
            for row in self.now.group(key, scope)
            for first in row.transitions[:1]
        )
        counts = self._counts(key, scope)
        del counts["rejected_count"]
        return {
            **_names(key),
            "cohort_name": scope[0],
            "cohort_value": scope[1],
            **counts,
            **{
                f"coverage_{age}d": self._coverage_at(key, scope, age) for age in AGES
            },
            "median_label_delay_days": lower_quantile(delays, 50),
            "p95_label_delay_days": lower_quantile(delays, 95),
        }

    def _coverage_at(self, key: Key, scope: Scope, age: int) -> float | None:
        """Labels known at that age over all predictions known today."""
        day = key[0] + timedelta(age)
        if day > self.as_of_date:
            return None
        known = self.as_of(day).group(key, scope)
        return len(labeled(known)) / len(self.now.group(key, scope))

    def rejections(self) -> list[Row]:
        counts = Counter()
        for row in self.now.predictions:
            if row.reason is not None:
                counts[*row.key, "predictions", row.reason] += 1
        for row in self.now.scored:
            if row.is_label_before_prediction:
                reason = "label_before_prediction"
                counts[*row.prediction.key, "predictions", reason] += 1
        for row in self.now.labels:
            reason = row.reason or self.now.state(row)
            if row.reason is not None or reason == "unmatched":
                day = row.recorded_date
                counts[day, row.model_name, "(none)", "labels", reason] += 1
        return [
            {**_names(key[:3]), "source": key[3], "reason": key[4], "row_count": count}
            for key, count in counts.items()
        ]

    # ------------------------------------------------------------------ corrections

    def retroactive_corrections(self) -> list[Row]:
        return [row for key in self.now.accepted for row in self._history(key)]

    def _history(self, key: Key) -> list[Row]:
        group = self.now.group(key)
        transitions = defaultdict(list)
        for row in group:
            for transition in row.transitions:
                transitions[transition.recorded_date].append(
                    (row.prediction, transition)
                )
        dates = {row.prediction.recorded_date for row in group} | transitions.keys()
        published_date = self._published_date(key, sorted(dates))
        published = None
        if published_date is not None:
            published = mean_loss(self.as_of(published_date).group(key))
        rows, previous = [], []
        for day in sorted(dates):
            current = self.as_of(day).group(key)
            is_published = published_date is not None and day >= published_date
            rows.append(
                {
                    **_names(key),
                    "as_of_date": day,
                    **self._state(previous, current),
                    "first_published_date": published_date if is_published else None,
                    "first_published_mean_log_loss": (
                        published if is_published else None
                    ),
                    **self._since_publication(
                        mean_loss(current), published if is_published else None
                    ),
                    **self._attribution(previous, current, transitions[day]),
                    "days_after": (day - key[0]).days,
                }
            )
            previous = current
        return rows

    def _published_date(self, key: Key, dates: list[date]) -> date | None:
        """Covered well enough, or old enough; and never before its first row."""
        aged = max(key[0] + timedelta(self.settings.mature_days), dates[0])
        candidates = [aged] if aged <= self.as_of_date else []
        for day in dates:
            group = self.as_of(day).group(key)
            if len(labeled(group)) / len(group) >= self.settings.mature_coverage:
                candidates.append(day)
        return min(candidates, default=None)

    def _state(self, previous: list[Scored], current: list[Scored]) -> Row:
        return {
            "prediction_count_as_of": len(current),
            "labeled_count_as_of": len(labeled(current)),
            "mean_log_loss_as_of": mean_loss(current),
            "previous_mean_log_loss": mean_loss(previous),
            "change": minus(mean_loss(current), mean_loss(previous)),
        }

    def _since_publication(self, mean: Near | None, published: Near | None) -> Row:
        change = minus(mean, published)
        return {
            "change_since_first_published": change,
            "is_correction": self._is_correction(change, published),
        }

    def _is_correction(
        self, change: Near | None, published: Near | None
    ) -> bool | _Undetermined:
        if change is None:
            return False
        relative = self.settings.correction_relative
        limit = max(self.settings.correction_absolute, relative * published.value)
        slack = change.within + relative * published.within
        if abs(abs(change.value) - limit) <= slack:
            return UNDETERMINED
        return abs(change.value) > limit

    def _attribution(
        self,
        previous: list[Scored],
        current: list[Scored],
        transitions: list[tuple[Prediction, Transition]],
    ) -> Row:
        """Revisions and withdrawals first, then what new labels add."""
        kinds = Counter(transition.kind for _, transition in transitions)
        revisions, new = None, None
        if labeled(previous):
            revisions, new = self._split(previous, current, transitions)
        return {
            "new_label_count": kinds["new"],
            "revised_label_count": kinds["revised"],
            "withdrawn_label_count": kinds["withdrawn"],
            "change_from_new_labels": new,
            "change_from_revisions": revisions,
        }

    def _split(
        self,
        previous: list[Scored],
        current: list[Scored],
        transitions: list[tuple[Prediction, Transition]],
    ) -> tuple[Near | None, Near | None]:
        """What stood at the start of the day and stands at its end.

        A label that comes and goes within the day explains nothing. One that follows a
        withdrawal of the same day is new.
        """
        before, after = mean_loss(previous), mean_loss(current)
        if after is None:
            return None, None  # no label is left, so there is no change to split
        was = {row.prediction.identity: row.event for row in labeled(previous)}
        now = {row.prediction.identity: row.event for row in labeled(current)}
        withdrawn = {p.identity for p, t in transitions if t.kind == "withdrawn"}
        delta, n_revised = [], len(was)
        for prediction in {p.identity: p for p, _ in transitions}.values():
            old = was.get(prediction.identity)
            if old is None:
                continue
            replacement = now.get(prediction.identity)
            if replacement is None or prediction.identity in withdrawn:
                replacement = None
                n_revised -= 1
            delta += [self._loss(prediction, replacement), -self._loss(prediction, old)]
        if n_revised == 0:
            return Near(0.0, 0.0), minus(after, before)
        loss = near_sum(previous, lambda s: s.loss)
        slack = near_sum(current, lambda s: s.loss).within
        revised = divided(Near(loss.value + math.fsum(delta), slack), n_revised)
        return minus(revised, before), minus(after, revised)

    def _loss(self, prediction: Prediction, event: LabelEvent | None) -> float:
        if event is None:
            return 0.0
        return score_of(prediction, event.position, self.settings.epsilon).loss

    # --------------------------------------------------------------------- row level

    def scored_predictions(self) -> list[Row]:
        return [self._scored_row(row) for row in self.now.scored]

    def _scored_row(self, row: Scored) -> Row:
        prediction, event, score = row.prediction, row.event, row.score
        width = max([2, *(len(m.labels) for m in self.settings.models.values())])
        padded = prediction.probabilities + (None,) * width
        entropy = float(entr(prediction.probabilities).sum())
        position = predicted_position(prediction.probabilities)
        if len(prediction.probabilities) == 2:
            position = 2
        labelled: Row = {
            "label": None,
            "labeled_at": None,
            "label_recorded_at": None,
            "probability_of_label": None,
            "loss": None,
            "brier_score": None,
            "focal_loss": None,
            "is_correct": None,
            "is_clipped": None,
            "is_label_before_prediction": None,
        }
        if event is not None:
            labelled = {
                "label": event.label,
                "labeled_at": event.labeled_at,
                "label_recorded_at": event.loaded_at,
                "probability_of_label": prediction.probabilities[event.position - 1],
                "loss": Near(score.loss, RELATIVE_TOLERANCE * score.loss),
                "brier_score": Near(score.brier, RELATIVE_TOLERANCE * score.brier),
                "focal_loss": Near(
                    score.focal_loss, RELATIVE_TOLERANCE * score.focal_loss
                ),
                "is_correct": score.is_correct,
                "is_clipped": score.is_clipped,
                "is_label_before_prediction": row.is_label_before_prediction,
            }
        return {
            "request_id": prediction.request_id,
            "model_name": prediction.model_name,
            "model_version": prediction.model_version,
            "predicted_at": prediction.predicted_at,
            "recorded_at": prediction.loaded_at,
            **dict(zip(self.settings.cohorts, prediction.cohorts, strict=True)),
            "weight": prediction.weight,
            **{f"probability_{k + 1}": padded[k] for k in range(width)},
            "score": prediction.probabilities[position - 1],
            "predicted_label": self.settings.classes(prediction.model_name).labels[
                predicted_position(prediction.probabilities) - 1
            ],
            **labelled,
            "expected_loss": Near(entropy, RELATIVE_TOLERANCE * entropy),
        }


def _names(key: Key) -> Row:
    return dict(zip(("metric_date", "model_name", "model_version"), key, strict=True))


def lower_quantile(ordered: list[int], percent: int) -> int | None:
    """The smallest value that at least this share of the values does not exceed."""
    for place, value in enumerate(ordered, start=1):
        if 100 * place >= percent * len(ordered):
            return value
    return None


# --------------------------------------------------------------------------------------
# Comparison


GRAINS = {
    "log_loss_daily": [],
    "log_loss_daily_by_cohort": ["cohort_name", "cohort_value"],
    "log_loss_daily_by_class": ["label"],
    "log_loss_label_coverage": ["cohort_name", "cohort_value"],
    "log_loss_rejections": ["source", "reason"],
    "log_loss_retroactive_corrections": ["as_of_date"],
}


def agrees(actual: object, expected: object) -> bool:
    if expected is UNDETERMINED:
        return actual is None or math.isfinite(actual)
    if isinstance(expected, Near):
        return (
            actual is not None and abs(actual - expected.value) <= expected.within
        )
    return actual == expected and (actual is None) == (expected is None)


def differences(
    actual: list[Row], expected: list[Row], grain: list[str]
) -> list[str]:
    """What a reader needs to find a wrong number: its row, its column, both values."""

    def by_grain(rows: list[Row]) -> dict[tuple, Row]:
        keyed = {tuple(row[name] for name in grain): row for row in rows}
        assert len(keyed) == len(rows), f"{grain} is not unique"
        return keyed

    have, want = by_grain(actual), by_grain(expected)
    found = [f"not in the mart: {key}" for key in want.keys() - have.keys()]
    found += [f"only in the mart: {key}" for key in have.keys() - want.keys()]
    for key in have.keys() & want.keys():
        if have[key].keys() != want[key].keys():
            unlike = have[key].keys() ^ want[key].keys()
            return [f"columns that only one side has: {sorted(unlike)}"]
        found += [
            f"{key} {column}: mart {have[key][column]!r}, oracle {value!r}"
            for column, value in want[key].items()
            if not agrees(have[key][column], value)
        ]
    return found


def mart_differences(name: str, actual: list[Row], expected: list[Row]) -> list[str]:
    grain = ["metric_date", "model_name", "model_version", *GRAINS[name]]
    return [f"{name}: {found}" for found in differences(actual, expected, grain)]


def fail_on(found: list[str]) -> None:
    """The first few differences; a thousand more would not help a reader."""
    shown = "\n".join(found[:20])
    if found:
        raise AssertionError(f"{len(found)} differences, the first of them:\n{shown}")
