"""Hostile inputs: whole data sets with their settings, and crowds of such data sets.

One example is a whole data set, because a run of dbt costs far more than a row: each
holds many small independent cases (requests), and blocks large enough for intervals.
Data sets of different models do not touch, so one run does for a crowd of them.
Values come from short pools in which every boundary of the contract occurs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from random import Random

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from hypothesis.vendor.pretty import RepresentationPrinter

from harness import UserProject

Row = dict[str, object]
Case = tuple[list[Row], list[Row]]

FIRST_DAY = datetime(2024, 2, 27)
FAR_FUTURE = datetime(2099, 1, 1, 12)
SENTINELS = (datetime(9999, 12, 31), datetime(1, 1, 1))
LOOKBACK_DAYS = 3

TIMES = (time(0), time(12), time(12), time(12, 0, 0, 1), time(23, 59, 59, 999999))
DELAYS = (
    timedelta(0),
    timedelta(0),
    timedelta(microseconds=1),
    timedelta(hours=13),
    timedelta(days=1),
    timedelta(days=2),
    timedelta(days=6),
    timedelta(days=20),
    timedelta(days=-1),
)

NAN, INFINITY = math.nan, math.inf
BINARY = (
    *(0.1, 0.3, 0.5, 0.7, 0.9, 0.07, 0.55),
    *(0.0, 1.0, -0.0, 1e-300, 5e-324, 1 - 1e-16, 1e-15, 1 - 1e-15, 1e-16),
    *(-1e-9, 1 + 1e-9, 2.0, NAN, INFINITY, -INFINITY, None),
)
PAIRS = (
    *((0.3, 0.7), (0.6, 0.4), (0.5, 0.5), (0.0, 1.0), (1.0, 0.0)),
    *((0.3, 0.7005), (1e-300, 1.0)),
    *((0.3, 0.8), (-0.1, 1.1), (None, 0.7), (0.3, None), (NAN, 0.5), (0.5, INFINITY)),
)
TRIPLES = (
    *((0.2, 0.3, 0.5), (0.7, 0.2, 0.1), (0.4, 0.4, 0.2), (0.2, 0.4, 0.4)),
    *((1 / 3, 1 / 3, 1 / 3), (0.4, 0.2, 0.4), (0.5, 0.5005, 0.0)),
    *((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (1e-300, 1.0, 0.0), (0.0, 1e-16, 1.0)),
    *((0.5, 0.6, 0.1), (0.2, 0.2, 0.2), (-0.1, 0.6, 0.5), (1.1, -0.1, 0.0)),
    *((None, 0.5, 0.5), (0.5, 0.5, None), (NAN, 0.5, 0.5), (0.0, -INFINITY, 1.0)),
)
COHORT_VALUES = ("x", "x", "y", "all", "(unknown)", "", "it's", None)
WEIGHTS = (1.0, 2.5, 0.1, 0.0, 1e-9, 1e-300, 1e6, 1e101, None, -1.0, NAN, INFINITY)


@dataclass(frozen=True)
class Model:
    """A model as declared, with probabilities and labels worth trying."""

    name: str
    columns: tuple[str, ...]
    probabilities: tuple
    labels: tuple[str | None, ...]
    classes: tuple[dict, ...] = ()

    @property
    def declaration(self) -> dict:
        return {"name": self.name, "classes": list(self.classes)}

    @property
    def truths(self) -> tuple[str, ...]:
        """Its classes as declared."""
        return tuple(str(entry["label"]) for entry in self.classes) or ("0", "1")

    def numbered(self, number: int) -> Model:
        """Another model of this kind."""
        return replace(self, name=f"{self.name} {number}")


UNKNOWN_LABELS = (None, None, "", "maybe", "2", "1.0.0", "10", "-1")
UNDECLARED = Model(
    "plain",
    ("probability",),
    BINARY,
    ("0", "1", "1.0", " TRUE ", "False", "0.000", *UNKNOWN_LABELS),
)
ONE_COLUMN = Model(
    "churn's\\new",
    ("p_stays",),
    BINARY,
    ("stays", " STAYS", "leaves", "Leaves ", None, "0", ""),
    # the class with a column is the positive one, wherever it stands
    ({"label": "Stays", "column": "p_stays"}, {"label": "leaves"}),
)
TWO_COLUMNS = Model(
    "pair",
    ("p_no", "p_yes"),
    PAIRS,
    ("no", "yes", "YES", None, "1"),
    ({"label": "no", "column": "p_no"}, {"label": "yes", "column": "p_yes"}),
)
THREE_CLASSES = Model(
    "species",
    ("p_a", "p_b", "p_c"),
    TRIPLES,
    ("setosa", "Versicolor ", "3", "3.0", None, "0", "virginica"),
    (
        {"label": "setosa", "column": "p_a"},
        {"label": "Versicolor", "column": "p_b"},
        {"label": 3, "column": "p_c"},
    ),
)
DECLARED = (ONE_COLUMN, TWO_COLUMNS, THREE_CLASSES)

PROBABILITY_COLUMNS = tuple(
    name for model in (UNDECLARED, *DECLARED) for name in model.columns
)


@dataclass(frozen=True)
class DataSet:
    """Rows of the two inputs, what their tables look like, and the settings."""

    predictions: list[Row]
    labels: list[Row]
    variables: dict
    has_loaded_at: bool

    def __repr__(self) -> str:
        return (
            f"DataSet({len(self.predictions)} predictions, {len(self.labels)} labels, "
            f"has_loaded_at={self.has_loaded_at}, variables={self.variables})"
        )

    def _repr_pretty_(self, printer: RepresentationPrinter, cycle: bool) -> None:
        """Hypothesis would print every row."""
        printer.text(repr(self))

    def with_the_columns_of_its_tables(self) -> DataSet:
        if self.has_loaded_at:
            return self
        return replace(
            self,
            predictions=[without_loaded_at(row) for row in self.predictions],
            labels=[without_loaded_at(row) for row in self.labels],
        )

    @property
    def prediction_columns(self) -> dict[str, str]:
        return {
            "request_id": "varchar",
            "model_name": "varchar",
            "model_version": "varchar",
            "predicted_at": "timestamp",
            **self._loaded_at,
            **dict.fromkeys(PROBABILITY_COLUMNS, "double"),
            "region": "varchar",
            "device": "varchar",
            "amount": "double",
        }

    @property
    def label_columns(self) -> dict[str, str]:
        return {
            "request_id": "varchar",
            "model_name": "varchar",
            "label": "varchar",
            "labeled_at": "timestamp",
            **self._loaded_at,
        }

    @property
    def _loaded_at(self) -> dict[str, str]:
        return {"loaded_at": "timestamp"} if self.has_loaded_at else {}

    def load_into(self, project: UserProject, append: bool = False) -> None:
        project.load_rows(
            "predictions", self.predictions, self.prediction_columns, append
        )
        project.load_rows("labels", self.labels, self.label_columns, append)


# --------------------------------------------------------------------------------------
# Rows


def without_loaded_at(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "loaded_at"}


def prediction_row(
    model: Model,
    request_id: str | None,
    version: str | None,
    predicted_at: datetime | None,
    loaded_at: datetime | None,
    probability: object,
    **others: object,
) -> Row:
    probabilities = probability if isinstance(probability, tuple) else (probability,)
    return {
        "request_id": request_id,
        "model_name": model.name,
        "model_version": version,
        "predicted_at": predicted_at,
        "loaded_at": loaded_at,
        **dict.fromkeys(PROBABILITY_COLUMNS),
        **dict(zip(model.columns, probabilities, strict=True)),
        "region": "x",
        "device": "x",
        "amount": 1.0,
        **others,
    }


def label_row(
    model: Model,
    request_id: str | None,
    label: str | None,
    labeled_at: datetime | None,
    loaded_at: datetime | None,
) -> Row:
    return {
        "request_id": request_id,
        "model_name": model.name,
        "label": label,
        "labeled_at": labeled_at,
        "loaded_at": loaded_at,
    }


def one_in(n: int, random: Random) -> bool:
    return random.randrange(n) == 0


def moments(random: Random, days: int) -> tuple[datetime | None, datetime | None]:
    """When something happened and when it was loaded; rarely unknown or far off."""
    day = FIRST_DAY + timedelta(random.randrange(days))
    happened = datetime.combine(day, random.choice(TIMES))
    loaded = happened + random.choice(DELAYS)
    odd = [
        (happened, None),
        (None, loaded),
        (None, None),
        (random.choice(SENTINELS), loaded),
        (happened, random.choice(SENTINELS)),
        (None, FAR_FUTURE),
        (happened, FAR_FUTURE),
        (FAR_FUTURE, None),
        (FAR_FUTURE, loaded),
        # one day before it happened is still believed
        (happened, happened - timedelta(days=1)),
        (happened, happened - timedelta(days=1, microseconds=1)),
        (happened, happened - timedelta(days=3)),
    ]
    return random.choice(odd) if one_in(12, random) else (happened, loaded)


def predictions_of(model: Model, request_id: str | None, random: Random) -> list[Row]:
    """Up to three predictions of a request, and copies of one of them."""
    rows = []
    for _ in range(random.choice([0, 1, 1, 2, 3])):
        version = random.choice(["v1"] * 8 + ["v2"] * 5 + [None, ""])
        rows.append(
            prediction_row(
                model,
                request_id,
                version,
                *moments(random, days=6),
                random.choice(model.probabilities),
                region=random.choice(COHORT_VALUES),
                device=random.choice(COHORT_VALUES),
                amount=random.choice(WEIGHTS),
            )
        )
    if rows and one_in(4, random):
        rows.append(dict(rows[0]))
    if rows and one_in(4, random):
        rows.append({**rows[0], "loaded_at": moments(random, days=8)[1]})
    if rows and one_in(4, random):
        rows.append({**rows[0], "region": random.choice(COHORT_VALUES)})
    return rows


def labels_of(model: Model, request_id: str | None, random: Random) -> list[Row]:
    """A request's label events, in any order, with revisions and exact copies."""
    rows = []
    for _ in range(random.choice([0, 1, 1, 2, 3, 4])):
        label = random.choice(model.labels)
        rows.append(label_row(model, request_id, label, *moments(random, days=8)))
    if one_in(3, random):
        rows += labels_of_one_day(model, request_id, random)
    if rows and one_in(4, random):
        rows.append(dict(rows[0]))
    if rows and one_in(4, random):
        rows.append({**rows[-1], "loaded_at": moments(random, days=8)[1]})
    if rows and one_in(4, random):
        rows.append({**rows[0], "label": random.choice(model.labels)})
    return rows


def labels_of_one_day(
    model: Model, request_id: str | None, random: Random
) -> list[Row]:
    """Events that come and go within a day, most of them loaded in their own order."""
    day = FIRST_DAY + timedelta(random.randrange(8))
    hours = sorted(random.sample(range(24), random.choice([2, 2, 3, 4])))
    rows = []
    for hour in hours:
        happened = day + timedelta(hours=hour)
        loaded = day + timedelta(hours=random.choice([hour, hour, hour, 23]))
        label = random.choice((None, *model.truths))
        rows.append(label_row(model, request_id, label, happened, loaded))
    return rows


def request(models: tuple[Model, ...], random: Random) -> Case:
    """Everything about one request id; two cases may share an id."""
    model = random.choice(models)
    request_id = random.choice([None, ""] + [f"r{n}" for n in range(200)])
    predictions = predictions_of(model, request_id, random)
    labels = labels_of(model, request_id, random)
    if one_in(30, random):
        nameless = random.choice([None, ""])
        for row in [*predictions[-1:], *labels[-1:]]:
            row["model_name"] = nameless
    return predictions, labels


def requests(
    models: tuple[Model, ...], min_size: int, max_size: int
) -> SearchStrategy[list[Case]]:
    """A seed a request: few choices for Hypothesis, so shrinking drops whole cases."""
    seeds = st.lists(
        st.integers(0, 2**32 - 1), min_size=min_size, max_size=max_size, unique=True
    )
    return seeds.map(lambda drawn: [request(models, Random(seed)) for seed in drawn])


# --------------------------------------------------------------------------------------
# Blocks: days with enough labels for an interval


BLOCK_SIZES = (0, 29, 30, 31, 60)
RARE = (0, 9, 10, 15)
REVISED = (0, 1, 4)


@st.composite
def blocks(draw: DrawFn, model: Model) -> Case:
    return block(
        model,
        size=draw(st.sampled_from(BLOCK_SIZES)),
        rare=draw(st.sampled_from(RARE)),
        revised=draw(st.sampled_from(REVISED)),
        is_certain=draw(st.booleans()),
    )


def block(model: Model, size: int, rare: int, revised: int, is_certain: bool) -> Case:
    """A day around the limits of 30 labels and of 10 of the rarer class.

    A few labels are wrong at first and revised a day later. With a certain model
    each right label costs almost nothing and each wrong one the most there is.
    """
    predicted_at = FIRST_DAY + timedelta(days=1, hours=9)
    spellings = model.truths[:2]
    predictions, labels = [], []
    for number in range(size):
        request_id = f"block-{number}"
        truth, other = spellings if number < rare else spellings[::-1]
        right = block_probability(model, truth, number, is_certain)
        predictions.append(
            prediction_row(
                model,
                request_id,
                "v1",
                predicted_at,
                predicted_at,
                right,
                region="x" if number % 2 else "y",
            )
        )
        labeled_at = predicted_at + timedelta(days=1 + number % 3)
        first = other if number < revised else truth
        labels.append(label_row(model, request_id, first, labeled_at, labeled_at))
        if number < revised:
            again = labeled_at + timedelta(days=1)
            labels.append(label_row(model, request_id, truth, again, again))
    return predictions, labels


def block_probability(
    model: Model, truth: str, number: int, is_certain: bool
) -> object:
    """A certain model gives the truth probability 1; others vary with the row."""
    likely = 1.0 if is_certain else 0.55 + 0.004 * number
    if model.columns == UNDECLARED.columns:
        return likely if truth == "1" else 1 - likely
    if model.columns == ONE_COLUMN.columns:
        return likely if truth == "Stays" else 1 - likely
    is_first = truth == str(model.classes[0]["label"])
    pair = (likely, 1 - likely) if is_first else (1 - likely, likely)
    return pair + (0.0,) * (len(model.columns) - 2)


# --------------------------------------------------------------------------------------
# Data sets


SETTINGS = {
    "log_loss_cohorts": ([], ["region"], ["device", "region"]),
    "log_loss_weight": (None, "amount"),
    "log_loss_epsilon": (1e-15, 1e-15, 1e-6),
    "log_loss_mature_days": (0, 2, 14),
    "log_loss_mature_coverage": (0.5, 0.8, 1.0),
    "log_loss_correction_absolute": (0, 0.01, 0.5),
}
# days after the first one; the first loads know of nothing, the last are long over
CLOCKS = (None, -9, 2, 5, 60)


def clock(days: int | None) -> str | None:
    return None if days is None else (FIRST_DAY + timedelta(days)).date().isoformat()


@st.composite
def settings_of(draw: DrawFn, models: tuple[Model, ...]) -> dict:
    variables = {
        name: draw(st.sampled_from(values)) for name, values in SETTINGS.items()
    }
    as_of_date = clock(draw(st.sampled_from([None, None, *CLOCKS])))
    if as_of_date is not None:
        variables["log_loss_as_of_date"] = as_of_date
    return {
        "log_loss_models": [m.declaration for m in models if m.classes],
        "log_loss_lookback_days": LOOKBACK_DAYS,
        **variables,
    }


@st.composite
def data_sets(draw: DrawFn, min_requests: int = 50, max_requests: int = 80) -> DataSet:
    """Binary alone (the smaller SQL), or every kind of declared model beside it."""
    models = draw(st.sampled_from([(UNDECLARED,), (UNDECLARED, *DECLARED)]))
    cases = draw(requests(models, min_requests, max_requests))
    if min_requests:
        cases += [draw(blocks(model)) for model in models]
    return DataSet(
        predictions=[row for predictions, _ in cases for row in predictions],
        labels=[row for _, labels in cases for row in labels],
        variables=draw(settings_of(models)),
        has_loaded_at=draw(st.sampled_from([True, True, True, False])),
    ).with_the_columns_of_its_tables()


# --------------------------------------------------------------------------------------
# Crowds: many data sets in one project


@dataclass(frozen=True)
class Crowd:
    """Data sets of models of their own, under the settings they share."""

    members: list[Case]
    variables: dict
    has_loaded_at: bool

    @property
    def data(self) -> DataSet:
        return DataSet(
            predictions=[row for predictions, _ in self.members for row in predictions],
            labels=[row for _, labels in self.members for row in labels],
            variables=self.variables,
            has_loaded_at=self.has_loaded_at,
        ).with_the_columns_of_its_tables()


def dealt(values: tuple, count: int, random: Random) -> list:
    """So many of these, in any order: each as often as any other."""
    hand = [values[number % len(values)] for number in range(count)]
    random.shuffle(hand)
    return hand


def settings_of_crowds(count: int, random: Random) -> list[dict]:
    """Three crowds or more have every value of every setting between them."""
    hands = {name: dealt(values, count, random) for name, values in SETTINGS.items()}
    return [
        {name: hand[number] for name, hand in hands.items()} for number in range(count)
    ]


def crowd(
    size: int,
    random: Random,
    variables: dict,
    sizes: tuple[int, ...],
    is_declared: bool,
    has_loaded_at: bool,
) -> Crowd:
    """Every third member has a declared model beside a binary one.

    More of them would make the SQL longer than the rows make the run. Request ids are
    those of one pool, so that members share them.
    """
    members, declarations = [], []
    for number in range(size):
        kinds = [UNDECLARED]
        if is_declared and number % 3 == 0:
            kinds.append(DECLARED[number // 3 % len(DECLARED)])
        models = tuple(kind.numbered(number) for kind in kinds)
        declarations += [model.declaration for model in models if model.classes]
        cases = [request(models, random) for _ in range(random.choice(sizes))]
        if number % 3 == 0:
            cases += [random_block(model, random) for model in models]
        predictions = [row for predictions, _ in cases for row in predictions]
        labels = [row for _, labels in cases for row in labels]
        if not has_loaded_at:
            predictions = [without_loaded_at(row) for row in predictions]
            labels = [without_loaded_at(row) for row in labels]
        members.append((predictions, labels))
    variables = {"log_loss_models": declarations, **variables}
    return Crowd(members, variables, has_loaded_at)


def random_block(model: Model, random: Random) -> Case:
    return block(
        model,
        size=random.choice(BLOCK_SIZES),
        rare=random.choice(RARE),
        revised=random.choice(REVISED),
        is_certain=random.random() < 0.5,
    )
