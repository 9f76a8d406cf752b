"""Small histories, each a model of its own in one warehouse, with numbers by NumPy.

Labels that come and go within a day, clocks that disagree, weights that are hardly any.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from harness import CORE_ONLY, LABEL_COLUMNS, PREDICTION_COLUMNS, UserProject

PREDICTIONS = PREDICTION_COLUMNS | {"loaded_at": "timestamp", "amount": "double"}
LABELS = LABEL_COLUMNS | {"loaded_at": "timestamp"}

PREDICTED_AT = datetime(2024, 3, 1, 8)
YESTERDAY = datetime(2024, 3, 4)
TODAY = datetime(2024, 3, 5)
A_DAY = timedelta(days=1)
AN_INSTANT = timedelta(microseconds=1)
FAR_OFF = datetime(2222, 1, 1)


class Data:
    """Predictions and labels, while the histories add to them."""

    def __init__(self) -> None:
        self.predictions: list[dict] = []
        self.labels: list[dict] = []

    def predict(
        self,
        model: str,
        request_id: str,
        probability: float = 0.25,
        *,
        at: datetime = PREDICTED_AT,
        loaded_at: datetime | None = None,
        amount: float | None = 1.0,
    ) -> None:
        self.predictions.append(
            {
                "request_id": request_id,
                "model_name": model,
                "model_version": "1",
                "predicted_at": at,
                "probability": probability,
                "loaded_at": loaded_at,
                "amount": amount,
            }
        )

    def label(
        self,
        model: str,
        request_id: str,
        label: str | None,
        at: datetime,
        loaded_at: datetime | None = None,
    ) -> None:
        self.labels.append(
            {
                "request_id": request_id,
                "model_name": model,
                "label": label,
                "labeled_at": at,
                "loaded_at": loaded_at,
            }
        )

    def load(self, project: UserProject) -> None:
        project.load_rows("predictions", self.predictions, PREDICTIONS)
        project.load_rows("labels", self.labels, LABELS)


# ---------------------------------------------------------------------------------
# labels of one day

# yesterday's labels that nobody touches
STANDING = {"a": ("1", []), "c": ("0", [])}
# By request: the label of yesterday, and those loaded today, in that order. A null
# withdraws. Then how many labels today are new, revised and withdrawn.
DAYS = {
    "new": (STANDING | {"b": (None, ["0"])}, (1, 0, 0)),
    "new and revised": (STANDING | {"b": (None, ["0", "1"])}, (1, 1, 0)),
    "new and revised twice": (STANDING | {"b": (None, ["0", "1", "0"])}, (1, 2, 0)),
    "new and withdrawn": (STANDING | {"b": (None, ["0", None])}, (1, 0, 1)),
    "new, revised and withdrawn": (
        STANDING | {"b": (None, ["0", "1", None])}, (1, 1, 1)
    ),
    "new, withdrawn and new": (STANDING | {"b": (None, ["0", None, "1"])}, (2, 0, 1)),
    "revised": (STANDING | {"b": ("0", ["1"])}, (0, 1, 0)),
    "revised and back": (STANDING | {"b": ("0", ["1", "0"])}, (0, 2, 0)),
    "withdrawn": (STANDING | {"b": ("0", [None])}, (0, 0, 1)),
    "revised and withdrawn": (STANDING | {"b": ("0", ["1", None])}, (0, 1, 1)),
    "withdrawn and new": (STANDING | {"b": ("0", [None, "1"])}, (1, 0, 1)),
    "withdrawn, new and revised": (
        STANDING | {"b": ("0", [None, "1", "0"])}, (1, 1, 1)
    ),
    "some of each": (
        STANDING | {
            "b": ("0", ["1"]), "d": ("1", [None]), "e": ("0", [None, "0"]),
            "f": (None, ["1"]), "g": (None, ["1", "0"]), "h": (None, ["1", None]),
        },
        (4, 2, 3),
    ),
    "the only label withdrawn and new": ({"b": ("0", [None, "1"])}, (1, 0, 1)),
}  # fmt: skip

PROBABILITIES = dict(
    zip("abcdefgh", (0.2, 0.65, 0.4, 0.9, 0.3, 0.55, 0.15, 0.8), strict=True)
)


def days_of_labels(data: Data) -> None:
    for model, (requests, _) in DAYS.items():
        for request_id, (before, today) in requests.items():
            data.predict(model, request_id, PROBABILITIES[request_id])
            if before is not None:
                data.label(model, request_id, before, YESTERDAY)
            for number, label in enumerate(today):
                at = TODAY + timedelta(hours=6 + number)
                data.label(model, request_id, label, at)


def loss(request_id: str, label: str) -> float:
    positive = PROBABILITIES[request_id]
    return -np.log(positive if label == "1" else 1 - positive)


def mean_of(labels: dict[str, str | None]) -> float | None:
    """Of the requests that have a label."""
    losses = [loss(id_, label) for id_, label in labels.items() if label is not None]
    return np.mean(losses) if losses else None


@pytest.mark.parametrize("model", DAYS)
def test_what_labels_of_one_day_changed(built: UserProject, model: str) -> None:
    """Corrections of yesterday's labels come first, whatever is left of them counts."""
    requests, counts = DAYS[model]
    before = {id_: label for id_, (label, _) in requests.items()}
    after = {id_: (today or [label])[-1] for id_, (label, today) in requests.items()}
    # what has been withdrawn is no longer yesterday's, also if it was labelled again
    corrected = {
        id_: None if before[id_] is None or None in today else after[id_]
        for id_, (_, today) in requests.items()
    }
    change = mean_of(after) - mean_of(before)
    from_revisions = 0.0
    if mean_of(corrected) is not None:
        from_revisions = mean_of(corrected) - mean_of(before)

    row = what_changed_today(built, model)
    names = ["new_label_count", "revised_label_count", "withdrawn_label_count"]
    assert tuple(row[name] for name in names) == counts
    assert row["previous_mean_log_loss"] == close_to(mean_of(before))
    assert row["mean_log_loss_as_of"] == close_to(mean_of(after))
    assert row["change"] == close_to(change)
    assert row["change_from_revisions"] == close_to(from_revisions)
    assert row["change_from_new_labels"] == close_to(change - from_revisions)


def what_changed_today(project: UserProject, model: str) -> dict:
    (row,) = project.rows(
        f"""
        select * from log_loss_retroactive_corrections
        where model_name = '{model}' and as_of_date = '{TODAY.date()}'
        """
    )
    return row


def close_to(value: float) -> object:
    return pytest.approx(value, rel=1e-12, abs=1e-14)


A, B, C = (-np.log(p) for p in (0.2, 0.65, 1 - 0.4))
B_BEFORE = -np.log(1 - 0.65)


# what new labels changed, and what revisions and withdrawals did
WRITTEN_OUT = {
    "new and revised": ((A + B + C) / 3 - (A + C) / 2, 0),
    "new and withdrawn": (0, 0),
    "withdrawn and new": (
        (A + B + C) / 3 - (A + C) / 2, (A + C) / 2 - (A + B_BEFORE + C) / 3
    ),
    # no label of yesterday's is left: all of the change is new
    "the only label withdrawn and new": (B - B_BEFORE, 0),
}  # fmt: skip


@pytest.mark.parametrize("model", WRITTEN_OUT)
def test_the_attribution_written_out(built: UserProject, model: str) -> None:
    from_new_labels, from_revisions = WRITTEN_OUT[model]
    row = what_changed_today(built, model)
    assert row["change_from_new_labels"] == close_to(from_new_labels)
    assert row["change_from_revisions"] == close_to(from_revisions)
    assert row["change"] == close_to(from_new_labels + from_revisions)


# ---------------------------------------------------------------------------------
# clocks that disagree


def clocks(data: Data) -> None:
    model = "clocks"
    for request_id, at, loaded_at in [
        ("loaded later", PREDICTED_AT, PREDICTED_AT + 30 * A_DAY),
        ("a day ahead", PREDICTED_AT + A_DAY, PREDICTED_AT),
        ("more than a day ahead", PREDICTED_AT + A_DAY + AN_INSTANT, PREDICTED_AT),
        ("centuries ahead", FAR_OFF, PREDICTED_AT),
    ]:
        data.predict(model, request_id, at=at, loaded_at=loaded_at)
    # each at first `0`, which a later load may or may not replace
    for request_id, at, loaded_at in [
        ("label a day ahead", TODAY + A_DAY, TODAY),
        ("label more than a day ahead", TODAY + A_DAY + AN_INSTANT, TODAY),
        ("label centuries ahead", FAR_OFF, TODAY),
    ]:
        data.predict(model, request_id)
        data.label(model, request_id, "0", YESTERDAY, YESTERDAY)
        data.label(model, request_id, "1", at, loaded_at)
    data.predict(model, "corrected afterwards")
    data.label(model, "corrected afterwards", "1", FAR_OFF, YESTERDAY)
    data.label(model, "corrected afterwards", "0", TODAY, TODAY)


def test_a_prediction_more_than_a_day_ahead_of_its_load_is_rejected(
    built: UserProject,
) -> None:
    accepted = built.rows(
        "select request_id from log_loss_scored_predictions where model_name = 'clocks'"
    )
    ids = {row["request_id"] for row in accepted}
    assert {"loaded later", "a day ahead"} <= ids
    assert not {"more than a day ahead", "centuries ahead"} & ids
    assert rejections(built, "predictions") == {"future_timestamp": 2}


def test_a_label_more_than_a_day_ahead_of_its_load_cannot_pin_the_truth(
    built: UserProject,
) -> None:
    labels = built.rows(
        "select request_id, label from log_loss_scored_predictions"
        " where model_name = 'clocks' and label is not null"
    )
    assert {row["request_id"]: row["label"] for row in labels} == {
        "label a day ahead": "1",
        "label more than a day ahead": "0",
        "label centuries ahead": "0",
        "corrected afterwards": "0",
    }
    assert rejections(built, "labels") == {"future_timestamp": 3}


def rejections(project: UserProject, source: str, model: str = "clocks") -> Counter:
    counts = Counter()
    for row in project.mart_rows("log_loss_rejections"):
        if (row["source"], row["model_name"]) == (source, model):
            counts[row["reason"]] += row["row_count"]
    return counts


def test_the_rejected_rows_are_dated_by_their_load(built: UserProject) -> None:
    """And so cannot move the clock."""
    (clock,) = built.rows("select as_of_date from int_log_loss__clock")
    assert clock["as_of_date"] == date(2024, 3, 31)
    recorded = built.rows(
        """
        select distinct recorded_date from int_log_loss__ledger
        where model_name = 'clocks' and reason = 'future_timestamp'
        """
    )
    assert {row["recorded_date"] for row in recorded} == {
        PREDICTED_AT.date(),
        YESTERDAY.date(),
        TODAY.date(),
    }


# ---------------------------------------------------------------------------------
# weights

# Sums of these rarely cancel to 0, in whatever order they are taken back
AMOUNTS = np.random.default_rng(1).random((20, 5))
WEIGHTS = {
    "largest": ([1e100, 1e100], 0),
    "too large": ([2.0, 1e101, 1e300, float("inf")], 3),
    "tiny": ([1e-300, 3e-300], 0),
    "none": ([0.0, 0.0], 0),
}
WEIGHTED_PROBABILITIES = (1e-300, 0.3, 0.3, 0.3)


def weights(data: Data) -> None:
    for version, amounts in enumerate(AMOUNTS):
        model = f"withdrawn weights {version}"
        data.predict(model, "free", 0.4, amount=0.0)
        data.label(model, "free", "1", YESTERDAY)
        for number, amount in enumerate(amounts):
            data.predict(model, f"paid {number}", 0.3, amount=amount)
            data.label(model, f"paid {number}", "1", YESTERDAY)
            data.label(model, f"paid {number}", None, TODAY + number * A_DAY)
    for model, (amounts, _) in WEIGHTS.items():
        for number, amount in enumerate(amounts):
            probability = WEIGHTED_PROBABILITIES[number]
            data.predict(model, str(number), probability, amount=amount)
            data.label(model, str(number), "1", YESTERDAY)


def day_of(project: UserProject, model: str) -> dict:
    query = f"select * from log_loss_daily where model_name = '{model}'"
    (row,) = project.rows(query)
    return row


def test_without_weight_there_is_no_weighted_loss(built: UserProject) -> None:
    """What is left of sums that were taken back is rounding, and no loss."""
    for version in range(len(AMOUNTS)):
        row = day_of(built, f"withdrawn weights {version}")
        assert row["labeled_count"] == 1
        assert row["mean_log_loss"] == close_to(-np.log(0.4))
        assert row["weighted_log_loss"] is None


@pytest.mark.parametrize("model", WEIGHTS)
def test_weights_of_any_size(built: UserProject, model: str) -> None:
    amounts, invalid_count = WEIGHTS[model]
    valid = np.array(amounts[: len(amounts) - invalid_count])
    losses = -np.log(np.maximum(WEIGHTED_PROBABILITIES[: len(valid)], 1e-15))
    row = day_of(built, model)
    assert row["labeled_count"] == len(valid)
    assert row["mean_log_loss"] == close_to(losses.mean())
    if valid.any():
        expected = np.average(losses, weights=valid)
        assert row["weighted_log_loss"] == close_to(expected)
    else:
        assert row["weighted_log_loss"] is None
    invalid = {"invalid_weight": invalid_count} if invalid_count else {}
    assert rejections(built, "predictions", model) == invalid


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> UserProject:
    directory = tmp_path_factory.mktemp("single_days")
    project = UserProject(
        directory / "warehouse.duckdb",
        directory / "target",
        {"log_loss_weight": "amount"},
    )
    data = Data()
    days_of_labels(data)
    clocks(data)
    weights(data)
    data.load(project)
    project.run(*CORE_ONLY)
    return project
