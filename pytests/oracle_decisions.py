"""Windows, baselines and their comparison a second time, from rows, NumPy and SciPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from scipy import stats

from oracle import OVERALL, Oracle, Scope, Snapshot, labeled, losses

BASELINE_DAYS = 56
EVALUATION_DAYS = 7


@dataclass(frozen=True)
class Series:
    """The days of one scope and label, as known on one date."""

    snapshot: Snapshot
    model: str
    version: str
    scope: Scope
    position: int | None = None

    def days(self) -> list[date]:
        return sorted(
            key[0]
            for key, scope in self.snapshot.scopes_of_days
            if key[1:] == (self.model, self.version) and scope == self.scope
        )

    def losses(self, day: date) -> np.ndarray:
        rows = self.snapshot.group((day, self.model, self.version), self.scope)
        if self.position is not None:
            rows = [r for r in labeled(rows) if r.event.position == self.position]
        return losses(rows)

    def is_mature(self, day: date) -> bool:
        settings = self.snapshot.settings
        rows = self.snapshot.group((day, self.model, self.version), self.scope)
        age = (self.snapshot.day - day).days
        coverage = len(labeled(rows)) / len(rows)
        return age >= settings.mature_days or coverage >= settings.mature_coverage

    def judged(self) -> list[date]:
        oldest = self.snapshot.settings.mature_days + EVALUATION_DAYS
        recent = [
            day
            for day in self.days()
            if 0 <= (self.snapshot.day - day).days < oldest and self.is_mature(day)
        ]
        return recent[-EVALUATION_DAYS:]

    def baseline(self, before: date) -> list[date]:
        first = [day for day in self.days() if day < before][:BASELINE_DAYS]
        mature = [day for day in first if self.is_mature(day)]
        return mature if len(mature) >= BASELINE_DAYS / 2 else []

    def rest(self, day: date) -> np.ndarray:
        """The losses of the version's other rows."""
        key = (day, self.model, self.version)
        own = {id(row.prediction) for row in self.snapshot.group(key, self.scope)}
        whole = self.snapshot.group(key)
        return losses([row for row in whole if id(row.prediction) not in own])

    def of(self, days: list[date]) -> Window:
        measured = [day for day in days if len(self.losses(day))]
        return Window(
            [self.losses(day) for day in measured],
            None if self.scope == OVERALL else [self.rest(day) for day in measured],
        )


def autocorrelation(means: np.ndarray) -> float:
    deviations = means - means.mean()
    if not np.any(deviations):
        return 0.0
    sample = np.sum(deviations[:-1] * deviations[1:]) / np.sum(deviations**2)
    return float(np.clip(sample + 1 / len(means), 0, 0.8))


@dataclass(frozen=True)
class Window:
    """The values of each day that has any, and for a cohort those of the other rows."""

    days: list[np.ndarray]
    rests: list[np.ndarray] | None = None

    @property
    def measured(self) -> list[tuple[np.ndarray, np.ndarray | None]]:
        """The days that have a level."""
        rests = self.rests or [None] * len(self.days)
        pairs = zip(self.days, rests, strict=True)
        return [(day, rest) for day, rest in pairs if rest is None or len(rest)]

    def level(self, scale: Callable) -> float:
        """The rest's days weigh as the cohort's do."""
        rows = np.concatenate([day for day, _ in self.measured])
        level = scale(rows.mean())
        if self.rests is None:
            return level
        rest = sum(len(day) * rest.mean() for day, rest in self.measured)
        return level - scale(rest / len(rows))

    def day_levels(self, scale: Callable) -> np.ndarray:
        return np.array(
            [
                scale(day.mean()) - (0 if rest is None else scale(rest.mean()))
                for day, rest in self.measured
            ]
        )

    def level_variance(self, scale: Callable) -> float:
        """Of samples of rows, by the delta method where the scale is logarithmic."""

        def variance(rows: np.ndarray, mean: float, weight: float) -> float:
            own = rows.var(ddof=1) * weight if len(rows) > 1 else 0.0
            return own / mean**2 if scale is np.log else own

        rows = np.concatenate([day for day, _ in self.measured])
        found = variance(rows, rows.mean(), 1 / len(rows))
        if self.rests is None:
            return found
        rest_rows = np.concatenate([rest for _, rest in self.measured])
        mean = sum(len(day) * rest.mean() for day, rest in self.measured) / len(rows)
        weight = sum(len(day) ** 2 / len(rest) for day, rest in self.measured)
        return found + variance(rest_rows, mean, weight / len(rows) ** 2)


def comparison(window: Window, baseline: Window, scale: Callable = np.log) -> dict:
    """A loss on the scale of its logarithm, a share as it is."""
    rows, past = np.concatenate(window.days), np.concatenate(baseline.days)
    levels = baseline.day_levels(scale)
    day_count = len(window.day_levels(scale))
    r = autocorrelation(levels)
    row_error = np.sqrt(window.level_variance(scale) + baseline.level_variance(scale))
    day_error = np.sqrt(
        levels.var(ddof=1) * (1 + r) / (1 - r) * (1 / day_count + 1 / len(levels))
    )
    error = max(row_error, day_error)
    freedom = max(4, len(levels) * (1 - r) / (1 + r) - 1)
    increase = rows.mean() - past.mean()
    level_increase = window.level(scale) - baseline.level(scale)
    return {
        "row_count": len(rows),
        "day_count": day_count,
        "mean_value": rows.mean(),
        "baseline_row_count": len(past),
        "baseline_day_count": len(levels),
        "baseline_mean": past.mean(),
        "baseline_day_stddev": levels.std(ddof=1),
        "baseline_autocorrelation": r,
        "increase": increase,
        "relative_increase": increase / past.mean(),
        "level_increase": level_increase,
        "row_standard_error": row_error,
        "day_standard_error": day_error,
        "standard_error": error,
        "degrees_of_freedom": freedom,
        "z_rows": level_increase / row_error,
        "z_days": level_increase / day_error,
        "p_value": stats.t.sf(level_increase / error, freedom),
    }


def baseline_of(
    snapshot: Snapshot, lenders: dict, model: str, version: str, scope: Scope
) -> tuple[str, list[date]] | None:
    """Its own first days, or while these are too few those of the version before it."""
    judged = Series(snapshot, model, version, scope).judged()
    if not judged:
        return None
    own = Series(snapshot, model, version, scope).baseline(judged[0])
    if own:
        return version, own
    whole = Series(snapshot, model, version, OVERALL).judged()
    for past_version in lenders[model, version]:
        days = Series(snapshot, model, past_version, OVERALL).days()
        if whole and sum(day < whole[0] for day in days) >= BASELINE_DAYS / 2:
            lent = Series(snapshot, model, past_version, scope).baseline(judged[0])
            return (past_version, lent) if lent else None
    return None


def comparisons(oracle: Oracle, day: date) -> Iterator[tuple[tuple, dict]]:
    """By version, scope and label: each evaluation window beside its baseline."""
    snapshot = oracle.as_of(day)
    lenders = versions_before(oracle, day)
    scopes = {(key[1], key[2], scope) for key, scope in snapshot.scopes_of_days}
    for model, version, scope in sorted(scopes):
        past = baseline_of(snapshot, lenders, model, version, scope)
        if past is None:
            continue
        past_version, baseline = past
        judged = Series(snapshot, model, version, scope).judged()
        labels = oracle.settings.classes(model).labels
        positions = range(1, len(labels) + 1) if scope == ("all", "all") else ()
        for position in [None, *positions]:
            label = "all" if position is None else labels[position - 1]
            now = Series(snapshot, model, version, scope, position).of(judged)
            then = Series(snapshot, model, past_version, scope, position).of(baseline)
            if now.days and len(then.days) > 1:
                found = comparison(now, then)
                found["baseline_version"] = past_version
                yield (model, version, *scope, label), found


def unlabeled_shares(oracle: Oracle, day: date) -> Iterator[tuple[tuple, dict]]:
    """By scope: how many had no label at an age of a week, and how many in the past."""

    def unlabeled(at: date, key: tuple[str, str], scope: Scope) -> np.ndarray:
        snapshot = oracle.as_of(at + timedelta(days=EVALUATION_DAYS))
        return np.array([not r.is_labeled for r in snapshot.group((at, *key), scope)])

    def window(days: list[date], key: tuple[str, str], scope: Scope) -> Window:
        own = [(at, unlabeled(at, key, scope).astype(float)) for at in days]
        own = [(at, rows) for at, rows in own if len(rows)]
        if scope == OVERALL:
            return Window([rows for _, rows in own])
        rests = []
        for at, rows in own:
            whole = unlabeled(at, key, OVERALL)
            rest = int(whole.sum() - rows.sum())
            rests.append(np.repeat([1.0, 0.0], [rest, len(whole) - len(rows) - rest]))
        return Window([rows for _, rows in own], rests)

    judged = [
        day - timedelta(days=age) for age in range(EVALUATION_DAYS, 2 * EVALUATION_DAYS)
    ]
    snapshot = oracle.as_of(day)
    lenders = versions_before(oracle, day)
    scopes = {(key[1], key[2], scope) for key, scope in snapshot.scopes_of_days}
    for model, version, scope in sorted(scopes):
        past = baseline_of(snapshot, lenders, model, version, scope)
        if past is None:
            continue
        past_version, days = past
        days = [at for at in days if (day - at).days >= 2 * EVALUATION_DAYS]
        now = window(sorted(judged), (model, version), scope)
        then = window(days, (model, past_version), scope)
        if now.days and len(then.days) > 1:
            found = comparison(now, then, scale=float)
            found["baseline_version"] = past_version
            yield (model, version, *scope, "all"), found


def ending_windows(
    oracle: Oracle, day: date, lengths: tuple[int, ...]
) -> Iterator[tuple[tuple, list[date], Window, Window | None]]:
    """By version and length: the mature days that end with the last evaluated one."""
    snapshot = oracle.as_of(day)
    lenders = versions_before(oracle, day)
    for model, version in lenders:
        series = Series(snapshot, model, version, OVERALL)
        judged = series.judged()
        past = baseline_of(snapshot, lenders, model, version, OVERALL)
        baseline = None
        if past:
            past_version, past_days = past
            baseline = Series(snapshot, model, past_version, OVERALL).of(past_days)
        for length in lengths if judged else ():
            days = [
                d
                for d in series.days()
                if 0 <= (judged[-1] - d).days < length and series.is_mature(d)
            ]
            yield (model, version, length), days, series.of(days), baseline


def trend(days: list[date], window: Window) -> dict:
    x = np.array([day.toordinal() for day in days], dtype=float)
    means = np.array([rows.mean() for rows in window.days])
    line = stats.linregress(x, means)
    residuals = means - (line.intercept + line.slope * x)
    n = len(x)
    r = np.sum(residuals[:-1] * residuals[1:]) / np.sum(residuals**2) + 2 / n
    r = float(np.clip(r, 0, 0.8))
    error = line.stderr * np.sqrt((1 + r) / (1 - r))
    freedom = max(4, n * (1 - r) / (1 + r) - 2)
    return {
        "day_count": n,
        "mean_log_loss": np.concatenate(window.days).mean(),
        "slope": line.slope,
        "standard_error": error,
        "autocorrelation": r,
        "degrees_of_freedom": freedom,
        "rise": 28 * line.slope,
        "p_value": stats.t.sf(line.slope / error, freedom),
    }


def versions_before(oracle: Oracle, day: date) -> dict[tuple[str, str], list[str]]:
    """Of each version those that were first known before it, the last one first."""
    known: dict[tuple[str, str], list[tuple[date, date]]] = {}
    for (metric_date, *key), rows in oracle.as_of(day).accepted.items():
        recorded = min(row.recorded_date for row in rows)
        known.setdefault(tuple(key), []).append((recorded, metric_date))
    order = sorted((min(days), key) for key, days in known.items())
    return {
        key: [
            version
            for began, (model, version) in reversed(order)
            if model == key[0] and (began, version) < (min(days), key[1])
        ]
        for key, days in known.items()
    }


def as_of_dates(oracle: Oracle, count: int) -> list[date]:
    """The last dates on which anything was recorded, a week between them."""
    last = oracle.as_of_date
    return [last - timedelta(days=7 * number) for number in range(count)]


# --------------------------------------------------------------------------------------
# Two versions


@dataclass(frozen=True)
class Pair:
    """A candidate beside a baseline on the dates that both were deployed."""

    model: str
    candidate: str
    baseline: str
    role: str
    start: date
    end: date


def mature_date(oracle: Oracle, model: str, version: str, day: date) -> date | None:
    """The first date on which the day was known to be covered, or was old enough."""
    settings = oracle.settings
    first = None
    for known in oracle.recorded_dates:
        rows = oracle.as_of(known).group((day, model, version))
        if not rows:
            continue
        first = first or max(known, day + timedelta(days=settings.mature_days))
        if len(labeled(rows)) / len(rows) >= settings.mature_coverage:
            return min(known, first)
        if known > first:
            return first
    return first


def version_comparison(oracle: Oracle, pair: Pair, stratum: str | None) -> list[dict]:
    """Each look; without a stratum at the requests that both scored."""
    mature = {}
    day = pair.start
    while day <= min(pair.end, oracle.as_of_date):
        dates = [
            mature_date(oracle, pair.model, version, day)
            for version in (pair.candidate, pair.baseline)
        ]
        if None not in dates and max(dates) <= oracle.as_of_date:
            mature[day] = max(dates)
        day += timedelta(days=1)
    found: list[dict] = []
    tuned = None
    for through in sorted(mature):
        if any(mature[later] <= mature[through] for later in mature if later > through):
            continue
        days = [d for d in sorted(mature) if mature[d] <= mature[through]]
        if stratum:
            look = look_at(oracle, pair, stratum, days, mature[through])
        else:
            look = look_at_pairs(oracle, pair, days, mature[through])
        if look is None:
            continue
        if tuned is None and look["day_count"] >= 7:
            tuned = 14 * look["median"]
        look |= sequence(look, tuned)
        look["metric_date"], look["as_of_date"] = through, mature[through]
        decided = [row for row in found if row["decision"] != "keep_collecting"]
        if decided:
            look["decision"] = decided[0]["decision"]
            look["first_decision_date"] = decided[0]["as_of_date"]
        elif look["decision"] != "keep_collecting":
            look["first_decision_date"] = mature[through]
        found.append(look)
    return found


def look_at(
    oracle: Oracle, pair: Pair, stratum: str, days: list[date], known: date
) -> dict | None:
    """The difference on these days and the largest of its three standard errors."""
    snapshot = oracle.as_of(known)
    values = sorted(
        {scope[1] for key, scope in snapshot.scopes_of_days if scope[0] == stratum}
    )
    cells, all_candidate, positions = [], 0, ([], [])
    for day in days:
        for value in values:
            sides = []
            for side, version in enumerate((pair.candidate, pair.baseline)):
                rows = labeled(
                    snapshot.group((day, pair.model, version), (stratum, value))
                )
                positions[side].extend(row.event.position for row in rows)
                sides.append(losses(rows))
            all_candidate += len(sides[0])
            if len(sides[0]) and len(sides[1]):
                cells.append((day, value, *sides))
    if not cells:
        return None
    weights = np.array([len(c) * len(b) / (len(c) + len(b)) for *_, c, b in cells])
    gaps = np.array([c.mean() - b.mean() for *_, c, b in cells])
    difference = np.average(gaps, weights=weights)
    total = weights.sum()

    def squares(rows: np.ndarray) -> float:
        return float(np.sum((rows - rows.mean()) ** 2))

    def pooled(groups: list[np.ndarray]) -> float | None:
        freedom = sum(len(rows) - 1 for rows in groups)
        return sum(map(squares, groups)) / freedom if freedom else None

    def first(*variances: float | None) -> float:
        return next(variance for variance in variances if variance is not None)

    common = pooled([rows for *_, c, b in cells for rows in (c, b)])
    welch = shared = 0.0
    for value in values:
        here = [
            (w, c, b) for w, (_, v, c, b) in zip(weights, cells, strict=True) if v == value
        ]
        if not here:
            continue
        both = pooled([rows for _, c, b in here for rows in (c, b)])
        shared += first(both, common) * sum(w for w, _, _ in here)
        for side in (1, 2):
            own = pooled([cell[side] for cell in here])
            welch += first(own, both, common) * sum(
                cell[0] ** 2 / len(cell[side]) for cell in here
            )
    variances = [welch / total**2, shared / total**2]
    by_day: dict[date, list[tuple[float, float]]] = {}
    sizes: dict[date, int] = {}
    for weight, gap, (day, _, c, b) in zip(weights, gaps, cells, strict=True):
        by_day.setdefault(day, []).append((weight, gap))
        sizes[day] = sizes.get(day, 0) + len(c) + len(b)
    count = len(by_day)
    if count >= 7:
        spread = sum(
            sum(w for w, _ in cell) ** 2
            * (sum(w * g for w, g in cell) / sum(w for w, _ in cell) - difference) ** 2
            for cell in by_day.values()
        )
        variances.append(count / (count - 1) * spread / total**2)
    baseline = np.concatenate([b for *_, b in cells])
    n_candidate = sum(len(c) for _, _, c, _ in cells)
    is_binary = len(oracle.settings.classes(pair.model).labels) == 2
    rarest = [
        min(side.count(1), side.count(2)) if is_binary else 10 for side in positions
    ]
    first_week = [sizes[day] for day in sorted(sizes)[:7]]
    return {
        "day_count": count,
        "candidate_labeled_count": n_candidate,
        "serving_labeled_count": len(baseline),
        "pooled_count": n_candidate + len(baseline),
        "overlap_share": n_candidate / all_candidate,
        "difference": difference,
        "standard_error": float(np.sqrt(max(variances))),
        "rarest": min(rarest),
        "median": float(np.median(first_week)),
        "baseline_mean": baseline.mean(),
    }


def look_at_pairs(
    oracle: Oracle, pair: Pair, days: list[date], known: date
) -> dict | None:
    """How much more the candidate lost on the requests that both scored."""
    snapshot = oracle.as_of(known)
    of_baseline = {
        row.prediction.request_id: row.score.loss
        for row in labeled(snapshot.scored)
        if (row.prediction.model_name, row.prediction.model_version)
        == (pair.model, pair.baseline)
    }
    differences, past, positions, scored = {}, [], [], 0
    for day in days:
        for row in labeled(snapshot.group((day, pair.model, pair.candidate))):
            scored += 1
            loss = of_baseline.get(row.prediction.request_id)
            if loss is not None:
                differences.setdefault(day, []).append(row.score.loss - loss)
                past.append(loss)
                positions.append(row.event.position)
    if not past:
        return None
    sizes = np.array([len(differences[day]) for day in sorted(differences)])
    means = np.array([np.mean(differences[day]) for day in sorted(differences)])
    every = np.concatenate([differences[day] for day in sorted(differences)])
    total, count = len(every), len(sizes)
    variances = [every.var(ddof=1) / total]
    if count >= 7:
        spread = np.sum((sizes * (means - every.mean())) ** 2)
        variances.append(count / (count - 1) * spread / total**2)
    is_binary = len(oracle.settings.classes(pair.model).labels) == 2
    return {
        "day_count": count,
        "candidate_labeled_count": total,
        "serving_labeled_count": total,
        "pooled_count": total,
        "overlap_share": total / scored,
        "difference": every.mean(),
        "standard_error": float(np.sqrt(max(variances))),
        "rarest": min(positions.count(1), positions.count(2)) if is_binary else 10,
        "median": float(np.median(sizes[:7])),
        "baseline_mean": np.mean(past),
    }


def sequence(look: dict, tuned: float | None, alpha: float = 0.05) -> dict:
    """Waudby-Smith et al. 2024: a one-sided asymptotic confidence sequence."""
    d, error = look["difference"], look["standard_error"]
    n = look["pooled_count"]
    margin = max(0.05 * look["baseline_mean"], 0.01)
    found = {
        "z_score": d / error,
        "p_value": stats.norm.sf(d / error),
        "promote_margin": margin,
        "rollback_margin": 0.0,
        "decision": "keep_collecting",
        "first_decision_date": None,
        "sequence_half_width": None,
    }
    gap = margin - d
    found["labels_still_needed"] = (
        max(0, int(np.ceil(n * ((2.78 * error / gap) ** 2 - 1)))) if gap > 0 else None
    )
    if tuned is None:
        return found
    rho2 = (-2 * np.log(2 * alpha) + np.log(1 - 2 * np.log(2 * alpha))) / tuned
    s = error * np.sqrt(n)
    half = s * np.sqrt(
        2 * (n * rho2 + 1) / (n**2 * rho2)
        * np.log(1 + np.sqrt(n * rho2 + 1) / (2 * alpha))
    )
    found["sequence_half_width"] = half
    is_enough = (
        look["day_count"] >= 7
        and look["overlap_share"] >= 0.8
        and min(look["candidate_labeled_count"], look["serving_labeled_count"]) >= 300
        and look["rarest"] >= 10
    )
    if is_enough and d - half > 0:
        found["decision"] = "rollback"
    elif is_enough and d + half < margin:
        found["decision"] = "promote"
    return found
