"""Write the bank's raw tables, the same ones every time.

    python make_seeds.py [directory]

Scores are drawn first and outcomes from the scores, so every model is calibrated.
The rows in `HOSTILE_SCORES` and `HOSTILE_OUTCOMES` are what real feeds contain.
"""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

FIRST_DAY = datetime(2024, 3, 1)
DAYS = 16
CANARY_FROM = 7  # days after the first one

COUNTRIES = ["FR", "de", " PT ", "Côte d'Ivoire", ""]
CHANNELS = ["web", "web", "app", "branch"]

SCORE_HEADER = [
    "scoring_id", "model", "version", "scored_at", "landed_at",
    "score_1", "score_2", "score_3", "country", "channel", "amount_eur",
]  # fmt: skip
OUTCOME_HEADER = ["scoring_id", "model", "outcome", "decided_at", "landed_at"]

HOSTILE_SCORES = [
    # a probability in per cent, a NaN, a null, a negative one
    ["h-1", "card_fraud", "2.0", "2024-03-04 10:00", "2024-03-04 10:01",
     "37", "", "", "FR", "web", "10.00"],
    ["h-2", "card_fraud", "2.0", "2024-03-04 10:00", "2024-03-04 10:01",
     "NaN", "", "", "FR", "web", "10.00"],
    ["h-3", "churn", "7", "2024-03-05 10:00", "2024-03-05 10:01",
     "", "", "", "FR", "app", "10.00"],
    ["h-4", "churn", "7", "2024-03-05 10:00", "2024-03-05 10:01",
     "-0.2", "", "", "FR", "app", "10.00"],
    # three classes that do not sum to one
    ["h-5", "repayment", "2024-01", "2024-03-06 10:00", "2024-03-06 10:01",
     "0.5", "0.5", "0.5", "FR", "app", "10.00"],
    # no id, no model, no time, a negative amount, a clock in another century
    ["", "churn", "7", "2024-03-05 10:00", "2024-03-05 10:01",
     "0.2", "", "", "FR", "app", "10.00"],
    ["h-6", "", "", "2024-03-05 10:00", "2024-03-05 10:01",
     "0.2", "", "", "FR", "app", "10.00"],
    ["h-7", "churn", "7", "", "2024-03-05 10:01",
     "0.2", "", "", "FR", "app", "10.00"],
    ["h-8", "card_fraud", "2.0", "2024-03-07 10:00", "2024-03-07 10:01",
     "0.2", "", "", "FR", "app", "-3.00"],
    ["h-9", "card_fraud", "2.0", "2024-03-07 10:00", "2999-01-01 00:00",
     "0.2", "", "", "FR", "app", "3.00"],
    # sent twice: the second copy, loaded a day later, has another score
    ["h-10", "churn", "7", "2024-03-08 10:00", "2024-03-08 10:01",
     "0.25", "", "", "FR", "all", "10.00"],
    ["h-10", "churn", "7", "2024-03-08 10:00", "2024-03-09 08:00",
     "0.75", "", "", "FR", "all", "10.00"],
    # held impossible, and it happened
    ["h-11", "card_fraud", "2.0", "2024-03-09 10:00", "2024-03-09 10:01",
     "0", "", "", "FR", "branch", "10.00"],
    # decided before it was scored, by two versions
    ["h-13", "card_fraud", "2.0", "2024-03-10 10:00", "2024-03-10 10:01",
     "0.1", "", "", "FR", "branch", "10.00"],
    ["h-13", "card_fraud", "2.1", "2024-03-10 10:00", "2024-03-10 10:01",
     "0.2", "", "", "FR", "branch", "10.00"],
    # traffic that the input model leaves out
    ["h-12", "churn", "7", "2024-03-09 10:00", "2024-03-09 10:01",
     "0.5", "", "", "FR", "load_test", "10.00"],
]  # fmt: skip
HOSTILE_OUTCOMES = [
    ["h-10", "churn", "1.0", "2024-03-10 10:00", "2024-03-10 11:00"],
    ["h-11", "card_fraud", "FRAUD", "2024-03-12 10:00", "2024-03-12 11:00"],
    # the same event twice
    ["h-11", "card_fraud", "FRAUD", "2024-03-12 10:00", "2024-03-13 11:00"],
    ["h-13", "card_fraud", "legit", "2024-03-09 10:00", "2024-03-11 11:00"],
    # no prediction, no class, no id, no model, no time
    ["h-20", "card_fraud", "fraud", "2024-03-11 10:00", "2024-03-11 11:00"],
    ["cf-0302-01", "card_fraud", "maybe", "2024-03-11 10:00", "2024-03-11 11:00"],
    ["", "card_fraud", "fraud", "2024-03-11 10:00", "2024-03-11 11:00"],
    ["cf-0302-02", "", "fraud", "2024-03-11 10:00", "2024-03-11 11:00"],
    ["cf-0302-03", "card_fraud", "fraud", "", "2024-03-11 11:00"],
    # revised a week later, withdrawn, withdrawn and given again
    ["cf-0303-01", "card_fraud", "fraud", "2024-03-15 10:00", "2024-03-15 11:00"],
    ["cf-0303-02", "card_fraud", "", "2024-03-15 10:00", "2024-03-15 11:00"],
    ["cf-0303-03", "card_fraud", "", "2024-03-14 10:00", "2024-03-14 11:00"],
    ["cf-0303-03", "card_fraud", "legit", "2024-03-16 10:00", "2024-03-16 11:00"],
]  # fmt: skip

Row = list[str]


def written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")


def distribution(random_: random.Random, shapes: list[float]) -> list[float]:
    """A draw from a Dirichlet, at four decimals that sum to one."""
    draws = [random_.gammavariate(shape, 1) for shape in shapes]
    shares = [round(draw / sum(draws), 4) for draw in draws]
    shares[0] = round(1 - sum(shares[1:]), 4)
    return shares


def chosen(random_: random.Random, shares: list[float]) -> int:
    return random_.choices(range(len(shares)), weights=shares)[0]


class Feed:
    """Both feeds while they are drawn; one request is one score and one outcome."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.scores: list[Row] = []
        self.outcomes: list[Row] = []

    def score(
        self, id_: str, model: str, version: str, at: datetime, scores: list[float]
    ) -> None:
        landed = at + timedelta(minutes=self.random.randint(1, 9))
        if self.random.random() < 0.05:  # the nightly catch-up
            landed = at.replace(hour=3, minute=0) + timedelta(days=1)
        padded = [str(score) for score in scores] + [""] * (3 - len(scores))
        self.scores.append(
            [id_, model, version, written(at), written(landed), *padded]
            + [self.random.choice(COUNTRIES), self.random.choice(CHANNELS)]
            + [f"{self.random.lognormvariate(3, 1):.2f}"]
        )

    def decide(self, id_: str, model: str, outcome: str, at: datetime, share: float):
        """The outcome, unless it never comes."""
        if self.random.random() < share:
            decided = at + timedelta(hours=self.random.randint(12, 110))
            landed = decided + timedelta(hours=self.random.randint(1, 20))
            self.outcomes.append(
                [id_, model, outcome, written(decided), written(landed)]
            )

    def moment(self, day: int) -> datetime:
        return FIRST_DAY + timedelta(days=day, minutes=self.random.randint(0, 1439))


def draw_fraud(feed: Feed, day: int) -> None:
    for number in range(1, 11):
        at = feed.moment(day)
        id_ = f"cf-{at:%m%d}-{number:02d}"
        legit, fraud = distribution(feed.random, [2, 1])
        feed.score(id_, "card_fraud", "2.0", at, [fraud])
        if day >= CANARY_FROM and number <= 6:
            tilted = round(min(0.999, fraud * 1.1), 4)
            feed.score(id_, "card_fraud", "2.1", at, [tilted])
        spellings = ["legit", " Fraud "]
        feed.decide(
            id_, "card_fraud", spellings[chosen(feed.random, [legit, fraud])], at, 0.95
        )


def draw_repayment(feed: Feed, day: int) -> None:
    for number in range(1, 7):
        at = feed.moment(day)
        id_ = f"rp-{at:%m%d}-{number}"
        shares = distribution(feed.random, [4, 2, 1])
        feed.score(id_, "repayment", "2024-01", at, shares)
        classes = ["ON_TIME", "late", "won't_pay"]
        feed.decide(id_, "repayment", classes[chosen(feed.random, shares)], at, 0.9)


def draw_churn(feed: Feed, day: int) -> None:
    for number in range(1, 5):
        at = feed.moment(day)
        id_ = f"ch-{at:%m%d}-{number}"
        stays, leaves = distribution(feed.random, [2, 2])
        feed.score(id_, "churn", "7", at, [leaves])
        spellings = [["0", "false", "0.0"], ["1", "TRUE", "1.0"]]
        outcome = feed.random.choice(spellings[chosen(feed.random, [stays, leaves])])
        feed.decide(id_, "churn", outcome, at, 0.85)


def feeds() -> Iterator[tuple[str, list[Row]]]:
    """The name and the rows, header first, of each raw table."""
    feed = Feed(seed=20240301)
    for day in range(DAYS):
        draw_fraud(feed, day)
        draw_repayment(feed, day)
        draw_churn(feed, day)
    yield "raw_scoring_log", [SCORE_HEADER, *feed.scores, *HOSTILE_SCORES]
    yield "raw_outcomes", [OUTCOME_HEADER, *feed.outcomes, *HOSTILE_OUTCOMES]


def main(directory: Path) -> None:
    for name, rows in feeds():
        with (directory / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "seeds")
