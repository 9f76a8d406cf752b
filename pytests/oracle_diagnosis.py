"""Calibration and estimates a second time, row by row, with pandas, NumPy and SciPy.

Nothing here knows the package's SQL. Input is one table of predictions and one of label
events; what was known at the end of a date is taken from the events loaded by then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, cached_property

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

EPSILON = 1e-15
HORIZON = 28
TRIANGLE_DAYS = 98
REFERENCE_DAYS = 56
SCORE_EDGES = np.array(
    sorted(
        [float(f"{step}e-{decade}") for decade in range(8, 2, -1) for step in (1, 2, 5)]
        + [i / 100 for i in range(1, 100)]
        + [
            float("0." + "9" * (decade - 1) + str(10 - step))
            for decade in range(8, 2, -1)
            for step in (1, 2, 5)
        ]
    )
)


def days(count: int) -> timedelta:
    return timedelta(days=count)


# ------------------------------------------------------------------ calibration


def cross_entropy(share: float, probability: float) -> float:
    # each side by itself: 1 - p of a clipped p is rounded
    yes, no = np.clip([probability, 1 - probability], EPSILON, 1 - EPSILON)
    return -share * np.log(yes) - (1 - share) * np.log(no)


def calibration(frame: pd.DataFrame) -> dict[str, float]:
    """What one window of one version should show; columns score, event, loss,
    event_loss, entropy, entropy_variance, brier."""
    score, event = frame["score"].to_numpy(), frame["event"].to_numpy()
    count = len(frame)
    variance = (score * (1 - score)).sum()
    found = {
        "labeled_count": count,
        "mean_score": score.mean(),
        "event_share": event.mean(),
        "mean_log_loss": frame["loss"].mean(),
        "expected_log_loss": frame["entropy"].mean(),
        "mean_brier": frame["brier"].mean(),
        "mean_event_log_loss": frame["event_loss"].mean(),
        "calibration_z": None,
        "shift_z": None,
    }
    squares = ((event - score) ** 2).sum()
    if max(variance, squares) >= 25:
        # scores that leave nothing to chance are held to what was observed
        losses = frame["entropy_variance"].sum() or (frame["loss"] ** 2).sum()
        found["calibration_z"] = (frame["loss"] - frame["entropy"]).sum() / np.sqrt(losses)
        found["shift_z"] = (event - score).sum() / np.sqrt(variance or squares)
    # an inner edge belongs to the lower bin
    bins = np.clip(np.digitize(score, np.arange(1, 10) / 10, right=True), 0, 9)
    found |= reliability(score, event, bins, "ece")
    groups = pd.DataFrame({"score": score, "event": event}).groupby(bins).mean()
    sizes = pd.Series(bins).value_counts().sort_index() / count
    conditional = [cross_entropy(y, y) for y in groups["event"]]
    forecast = [
        cross_entropy(y, p) for y, p in zip(groups["event"], groups["score"], strict=True)
    ]
    uncertainty = cross_entropy(event.mean(), event.mean())
    found["uncertainty"] = uncertainty
    found["resolution"] = uncertainty - (sizes * conditional).sum()
    found["reliability"] = (sizes * forecast).sum() - (sizes * conditional).sum()
    found["residual"] = frame["event_loss"].mean() - (sizes * forecast).sum()
    found["max_calibration_error"] = (groups["score"] - groups["event"]).abs().max()
    found["reliability_if_calibrated"] = len(groups) / (2 * count)
    return found


def reliability(
    score: np.ndarray, event: np.ndarray, bins: np.ndarray, name: str
) -> dict[str, float]:
    """ECE over these bins, and the ECE that a calibrated model would show."""
    frame = pd.DataFrame({"score": score, "event": event, "v": score * (1 - score)})
    grouped = frame.groupby(bins)
    gaps = (grouped["score"].sum() - grouped["event"].sum()).abs()
    expected = np.sqrt(2 / np.pi * grouped["v"].sum())
    largest = "max_calibration_error" + name.removeprefix("ece")
    return {
        largest: (gaps / grouped.size()).max(),
        name: gaps.sum() / len(score),
        f"{name}_if_calibrated": expected.sum() / len(score),
    }


def equal_mass_bins(score: np.ndarray) -> np.ndarray:
    """Score bins in ten groups; each goes where the middle of its rows lies."""
    fine = np.digitize(score, SCORE_EDGES, right=True)
    order, counts = np.unique(fine, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    group = dict(zip(order, np.floor(10 * middle / len(score)), strict=True))
    return np.array([group[value] for value in fine])


def platt(score: np.ndarray, event: np.ndarray) -> tuple[float, float, float]:
    """Intercept, slope and gain of the best logistic fit to the rows themselves."""
    logit = special.logit(np.clip(score, EPSILON, 1 - EPSILON))

    def loss(point: np.ndarray) -> float:
        fitted = point[0] + point[1] * logit
        return float(np.mean(np.logaddexp(0, np.where(event == 1, -fitted, fitted))))

    best = optimize.minimize(loss, [0.0, 1.0], method="Nelder-Mead", options={
        "xatol": 1e-10, "fatol": 1e-14, "maxiter": 10_000,
    })
    return best.x[0], best.x[1], loss(np.array([0.0, 1.0])) - best.fun


# ------------------------------------------------------------------ estimates


@dataclass(eq=False)
class Estimates:
    """predictions: request_id, version, metric_date, recorded, score, stratum.
    labels: request_id, label (0, 1 or None), labeled (order of events), recorded.

    Labels are followed for all versions together, and estimates made of one of them."""

    predictions: pd.DataFrame
    labels: pd.DataFrame
    as_of: date
    version: str = "v1"
    kind: str = ""

    @cached_property
    def dates(self) -> list[date]:
        return sorted(self.predictions["metric_date"].unique())

    @cached_property
    def _states(self) -> dict[date, pd.DataFrame]:
        return {}

    def known(self, on: date) -> pd.DataFrame:
        """Every prediction recorded by then, with its label in force and its loss."""
        if on not in self._states:
            events = self.labels[self.labels["recorded"] <= on]
            last = events.sort_values(["labeled"]).groupby("request_id").tail(1)
            rows = self.predictions[self.predictions["recorded"] <= on].merge(
                last[["request_id", "label"]], on="request_id", how="left"
            )
            chance = np.where(rows["label"] == 1, rows["score"], 1 - rows["score"])
            rows["loss"] = np.where(rows["label"].notna(), -np.log(chance), np.nan)
            self._states[on] = rows
        return self._states[on]

    @cached_property
    def _days(self) -> dict[date, dict[date, pd.DataFrame]]:
        return {}

    def known_day(self, day: date, on: date) -> pd.DataFrame:
        """Those of one day."""
        if on not in self._days:
            self._days[on] = dict(tuple(self.known(on).groupby("metric_date")))
        return self._days[on].get(day, self.known(on).iloc[:0])

    def asked_of(self, day: date, on: date) -> pd.DataFrame:
        """Those of them that this version was asked."""
        return self._asked_of(self.version, day, on)

    @cache
    def _asked_of(self, version: str, day: date, on: date) -> pd.DataFrame:
        rows = self.known_day(day, on)
        return rows[rows["version"] == version]

    @cached_property
    def counts(self) -> dict[tuple[date, int], dict[int, int]]:
        """Labels of each day at each age, by class."""
        found = {}
        for day in self.dates:
            for age in [*range(HORIZON + 1), 2 * HORIZON, 4 * HORIZON]:
                if day + days(age) <= self.as_of:
                    rows = self.known_day(day, day + days(age))
                    found[day, age] = {y: int((rows["label"] == y).sum()) for y in (0, 1)}
        return found

    @cache
    def is_weekly(self, on: date) -> bool:
        """Whether most labels of two weeks or more came on one weekday.

        Without the largest date of each, that one backfill be no rhythm.
        """
        known = self.first_labels
        recent = known[(known <= on) & (known > on - days(TRIANGLE_DAYS))]
        if recent.empty or (on - recent.min()).days < 14:
            return False
        by_date = recent.value_counts()
        weekdays = [day.isoweekday() for day in by_date.index]
        counts = by_date.groupby(weekdays).agg(lambda dates: dates.sum() - dates.max())
        return counts.max() * 2 > counts.sum()

    @cached_property
    def first_labels(self) -> pd.Series:
        events = self.labels[self.labels["label"].notna()]
        events = events[events["request_id"].isin(self.predictions["request_id"])]
        return events.sort_values("recorded").groupby("request_id")["recorded"].first()

    @cache
    def ladder(self, on: date, label: int, weekday: int) -> dict:
        """Completeness, its variance, what it rests on and how days vary, per age."""
        sums, realised = {}, {}
        for age in [*range(HORIZON + 1), 2 * HORIZON]:
            following = age + 1 if age < HORIZON else 2 * age
            used = [
                day
                for day in self.dates
                if on - days(TRIANGLE_DAYS) < day + days(following) <= on
                and (weekday == 0 or age >= HORIZON or day.isoweekday() == weekday)
            ]
            realised[age] = [
                (self.counts[day, age][label], self.counts[day, HORIZON][label])
                for day in used
                if age < HORIZON and day + days(HORIZON) <= on
            ]
            sums[age] = (
                len(used),
                sum(self.counts[day, age][label] for day in used),
                sum(self.counts[day, following][label] for day in used),
            )
        found = {HORIZON: (1.0, 0.0, np.inf, np.inf, 0.0)}
        completeness, variance, least = 1.0, 0.0, np.inf
        for age in range(HORIZON - 1, -1, -1):
            dates_used, now, then = sums[age]
            if dates_used == 0:
                break
            completeness *= now / then if then else np.nan
            variance += (1 / now if now else np.nan) - (1 / then if then else np.nan)
            least = min(least, now)
            found[age] = (
                completeness,
                max(variance, 0),
                least,
                sums[HORIZON - 1][0],
                day_variance(np.array(realised[age], dtype=float), completeness),
            )
        in_time = [now / then for _, now, then in (sums[HORIZON], sums[2 * HORIZON]) if then]
        return {
            "ages": found,
            "late": 1 - np.prod(in_time) if sums[HORIZON][2] else None,
        }

    def members(self, day: date, window: int, on: date) -> list[tuple[date, pd.DataFrame]]:
        """The days of a window as known then, each no later than its horizon."""
        found = []
        for back in range(window):
            member = day - days(back)
            rows = self.asked_of(member, min(on, member + days(HORIZON)))
            if len(rows):
                found.append((member, rows))
        return found

    def realised(self, day: date, window: int) -> float | None:
        if day + days(HORIZON) > self.as_of:
            return None
        rows = pd.concat(r for _, r in self.members(day, window, self.as_of))
        return rows["loss"].mean()

    def completeness_weighted(self, day: date, window: int, on: date) -> tuple:
        """Estimate, standard error, reason, and the error of days that differ in speed."""
        weekly = self.is_weekly(on)
        expected, means, reasons, terms = {}, {}, set(), {}
        for label in (0, 1):
            losses, count, total, least, complete, lowest, variance = [], 0.0, 0.0, [], [], [], []
            by_chance = by_day = 0.0
            late = None
            for member, rows in self.members(day, window, on):
                weekday = member.isoweekday() if weekly else 0
                ladder = self.ladder(on, label, weekday)
                late = ladder["late"]
                age = min((on - member).days, HORIZON)
                ours = rows.loc[rows["label"] == label, "loss"]
                if age not in ladder["ages"]:
                    reasons.add("too_few_dates")
                    continue
                share, spread, smallest, dates_used, of_days = ladder["ages"][age]
                complete.append(dates_used)
                if not share > 0:
                    reasons.add("too_few_reports")
                    continue
                losses.append(ours)
                count += len(ours) / share
                # each of those to come is there by now with this chance
                by_chance += len(ours) * abs(1 - share) / share**2
                by_day += (len(ours) / share) ** 2 * of_days
                total += ours.sum() / share
                least.append(smallest)
                lowest.append(share)
                variance.append(spread)
            if not complete or min(complete) < (12 if weekly else 28):
                reasons.add("too_few_dates")
            if sum(map(len, losses)) < 10:
                reasons.add("too_few_labels")
            if not losses:
                continue
            losses = pd.concat(losses)
            if min(least) < 100:
                reasons.add("too_few_reports")
            if late is not None and late > 0.05:
                reasons.add("short_horizon")
            if min(lowest) < 0.05:
                reasons.add("too_incomplete")
            if not len(losses):
                continue
            expected[label], means[label] = count, total / count
            terms[label] = (
                losses.std(ddof=1),
                by_chance / count**2,
                max(variance),
                by_day / count**2,
            )
        order = [
            "too_few_dates", "too_few_labels", "too_few_reports", "short_horizon",
            "too_incomplete",
        ]  # fmt: skip
        reason = next((r for r in order if r in reasons), None)
        if reason:
            return None, None, reason, None
        whole = sum(expected.values())
        estimate = sum(expected[y] * means[y] for y in expected) / whole
        squared = days_squared = 0.0
        for y, (spread, by_chance, development, by_day) in terms.items():
            weight, distance = (expected[y] / whole) ** 2, (means[y] - estimate) ** 2
            squared += weight * spread**2 * by_chance
            squared += weight * distance * (by_chance + development)
            days_squared += weight * distance * by_day
        return estimate, np.sqrt(squared), None, np.sqrt(days_squared)

    def post_stratified(self, day: date, window: int, on: date) -> tuple:
        rows = pd.concat(r for _, r in self.members(day, window, on))
        labeled = rows[rows["label"].notna()]
        if min((labeled["label"] == y).sum() for y in (0, 1)) < 40:
            return None, None, "too_few_labels"
        strata = rows["stratum"].where(
            rows["stratum"].map(labeled["stratum"].value_counts()).fillna(0) >= 10,
            "(small)",
        )
        estimate = squared = 0.0
        for _, cell in rows.groupby(strata):
            weight = len(cell) / len(rows)
            use = cell if cell["label"].notna().sum() >= 10 else rows
            losses = use["loss"].dropna()
            estimate += weight * losses.mean()
            squared += (
                weight**2 * losses.var(ddof=1) / len(losses) * (1 - len(losses) / len(use))
            )
        return estimate, np.sqrt(squared), None

    def label_free(self, day: date, window: int, on: date) -> tuple:
        rows = pd.concat(self.asked(day, window, on))
        p = rows["score"].to_numpy()
        entropy = special.entr(p) + special.entr(1 - p)
        second = p * np.log(p) ** 2 + (1 - p) * np.log(1 - p) ** 2
        variance = (second - entropy**2).sum()
        return entropy.mean(), np.sqrt(variance) / len(p), None

    def asked(self, day: date, window: int, on: date) -> list[pd.DataFrame]:
        return [self.asked_of(day - days(back), on) for back in range(window)]

    def recalibrated(self, day: date, window: int, on: date) -> tuple:
        end = on - days(HORIZON)
        used = [d for d in self.dates if end - days(REFERENCE_DAYS) < d <= end]
        asked = pd.concat(self.asked(day, window, on))
        bins = np.digitize(asked["score"], SCORE_EDGES, right=True)
        past = [self.asked_of(d, d + days(HORIZON)) for d in used]
        past = pd.concat(past).dropna(subset=["loss"]) if past else None
        if past is None or past["metric_date"].nunique() < 28:
            return None, None, "too_few_dates"
        means = past.groupby(np.digitize(past["score"], SCORE_EDGES, right=True))[
            "loss"
        ].mean()
        losses = pd.Series(bins).map(means)
        if losses.notna().mean() < 0.95:
            return None, None, "unknown_scores"
        return losses.mean(), self.label_free(day, window, on)[1], None


def day_variance(counts: np.ndarray, share: float) -> float:
    """How much the share that has come differs from day to day, relative to it.

    By moments: what the squares exceed those of labels that come one by one by.
    counts: a row per day, with what had come and what came at last.
    """
    if len(counts) < 2 or not share > 0:
        return 0.0
    come, last = counts.T
    squares = ((come - share * last) ** 2).sum() * len(counts) / (len(counts) - 1)
    excess = squares - abs(share * (1 - share)) * last.sum()
    return max(0.0, excess) / (last**2).sum() / share**2


def margin(
    error: float,
    past_error: float | None,
    past_dates: int,
    window: int,
    weekly: bool,
    day_error: float | None = None,
) -> float:
    """Half the width of an interval: by the sample, or by what went wrong before."""
    if day_error is not None and past_dates < (10 if weekly else 28):
        error = np.hypot(error, day_error)
    by_sample = stats.norm.ppf(0.975) * error
    if past_dates == 0:
        return by_sample
    freedom = max(past_dates / (1 if weekly else window), 3)
    return max(by_sample, stats.t.ppf(0.975, freedom) * past_error)
