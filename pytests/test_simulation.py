"""The simulation's formulas are those of the oracle, and what is kept of it holds."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

import oracle_decisions
import simulate_decisions as simulation
from oracle_decisions import Window
from simulate_decisions import Sums

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
START = date(2026, 1, 1)


def sums_of(days: list[np.ndarray], positive: list[np.ndarray] | None = None) -> Sums:
    """The sums of each day's rows."""
    if positive is None:
        positive = [np.zeros(len(rows)) for rows in days]
    return Sums(
        np.array([float(len(rows)) for rows in days]),
        np.array([rows.sum() for rows in days]),
        np.array([np.sum(rows**2) for rows in days]),
        np.array([flags.sum() for flags in positive]),
    )


def random_days(
    rng: np.random.Generator, count: int, rows: int, varies: bool = True
) -> list[np.ndarray]:
    """Skewed losses, worse on some days than on others, and more of them if it varies."""
    return [
        rng.gamma(
            0.6,
            rng.lognormal(-0.5, 0.3),
            rng.integers(rows // 2, rows) if varies else rows,
        )
        for _ in range(count)
    ]


def check(actual: dict, expected: dict, names: list[str], day: int) -> None:
    """Of the only run; what does not depend on the day has one."""
    for name in names:
        values = actual[name][0]
        assert values[min(day, len(values) - 1)] == pytest.approx(
            expected[name], rel=1e-9, abs=1e-15
        ), name


# --------------------------------------------------------------------------------------
# Two versions


def random_cells(rng: np.random.Generator, days: int) -> dict[tuple, tuple]:
    """Losses and labels by version, day and stratum; some cells empty or of one row."""
    sizes = {"a": (60, 400), "b": (15, 90), "c": (0, 3)}
    found = {}
    for version, worse in (("candidate", 1.1), ("baseline", 1.0)):
        for number in range(days):
            for stratum, (least, most) in sizes.items():
                count = rng.integers(least, most)
                losses = worse * rng.gamma(0.7, 0.6, count) + (stratum == "b")
                found[version, number, stratum] = losses, rng.random(count) < 0.3
    return found


def oracle_of(cells: dict[tuple, tuple]) -> SimpleNamespace:
    """The least that `look_at` asks of an oracle."""

    def row(loss: float, is_positive: bool) -> SimpleNamespace:
        return SimpleNamespace(
            is_labeled=True,
            score=SimpleNamespace(loss=loss),
            event=SimpleNamespace(position=1 + bool(is_positive)),
        )

    groups = {
        ((START + timedelta(days=number), "model", version), ("country", stratum)): [
            row(*pair) for pair in zip(*cell, strict=True)
        ]
        for (version, number, stratum), cell in cells.items()
    }
    snapshot = SimpleNamespace(
        scopes_of_days=set(groups), group=lambda key, scope: groups[key, scope]
    )
    classes = SimpleNamespace(labels=("0", "1"))
    return SimpleNamespace(
        as_of=lambda day: snapshot,
        settings=SimpleNamespace(classes=lambda model: classes),
    )


@pytest.mark.parametrize("seed", range(3))
def test_looks_and_sequences_are_the_oracles(seed: int) -> None:
    count = 24
    cells = random_cells(np.random.default_rng(seed), count)
    oracle = oracle_of(cells)
    pair = oracle_decisions.Pair(
        "model", "candidate", "baseline", "canary", START, START + timedelta(days=count)
    )
    sides = []
    for version in ("candidate", "baseline"):
        strata = [[cells[version, day, s] for day in range(count)] for s in "abc"]
        sides.append(
            simulation.stacked([sums_of(*zip(*days, strict=True)) for days in strata])
        )
    found = simulation.look(*(side.at(None) for side in sides))
    steps = simulation.sequence(found)
    days = [START + timedelta(days=number) for number in range(count)]
    decisions = []
    for number in range(count):
        expected = oracle_decisions.look_at(
            oracle, pair, "country", days[: number + 1], days[number]
        )
        names = [name for name in expected if name != "median"]
        check(found, expected, names, number)
        if number >= 6:
            assert found["median"][0] == pytest.approx(expected["median"])
            expected |= oracle_decisions.sequence(expected, 14 * expected["median"])
            check(steps, expected, ["sequence_half_width", "promote_margin"], number)
        decisions.append(expected.get("decision", "keep_collecting"))
    names = {-1: "rollback", 0: "keep_collecting", 1: "promote"}
    assert [names[step] for step in steps["look"][0]] == decisions
    decision, day = simulation.decided(*(side.at(None) for side in sides))
    first = [step for step in decisions if step != "keep_collecting"][:1]
    assert names[decision[0]] == (first or ["keep_collecting"])[0]
    assert day[0] == (decisions.index(first[0]) + 1 if first else np.inf)


@pytest.mark.parametrize(
    ("gap", "expected"), [(0.0, "promote"), (0.4, "rollback"), (0.02, "keep_collecting")]
)
def test_each_decision_is_the_oracles(gap: float, expected: str) -> None:
    found = {
        "day_count": 9,
        "candidate_labeled_count": 9_000.0,
        "serving_labeled_count": 81_000.0,
        "pooled_count": 90_000.0,
        "overlap_share": 1.0,
        "difference": gap,
        "standard_error": 0.01,
        "rarest": 40.0,
        "baseline_mean": 0.8,
    }
    told = oracle_decisions.sequence(found, 14 * 10_000)
    assert told["decision"] == expected
    arrays = {name: np.array([[value]]) for name, value in found.items()}
    step = simulation.sequence(arrays | {"median": np.array([10_000])})
    check(step, told, ["sequence_half_width", "promote_margin"], 0)
    code = {"rollback": -1, "promote": 1, "keep_collecting": 0}
    assert step["look"][0, 0] == code[expected]
    for name, too_few in {
        "day_count": 6, "overlap_share": 0.79, "candidate_labeled_count": 299.0,
        "rarest": 9.0,
    }.items():
        held = arrays | {name: np.array([[too_few]]), "median": np.array([10_000])}
        assert simulation.sequence(held)["look"][0, 0] == 0, name


# --------------------------------------------------------------------------------------
# Against the past

COMPARED = [
    "increase", "relative_increase", "level_increase", "row_standard_error",
    "day_standard_error", "standard_error", "degrees_of_freedom",
]


@pytest.mark.parametrize("has_rest", [False, True])
@pytest.mark.parametrize("length", [1, 3, 7, 14])
@pytest.mark.parametrize("course", ["restless", "drifting", "alternating"])
def test_comparisons_are_the_oracles(course: str, length: int, has_rest: bool) -> None:
    """Days that resemble those before them somewhat, as much as is counted, and less.

    Cohorts have as many rows every day in the simulation: then to pool the rest's rows is
    to let its days weigh as the cohort's do.
    """
    rng = np.random.default_rng(2)
    days = np.arange(80)
    factor = {
        "restless": np.ones(80),
        "drifting": np.exp(days / 12),
        "alternating": 1 + days % 2,
    }[course]
    own = random_days(rng, 80, 50, varies=not has_rest)
    rows = [day * by for day, by in zip(own, factor, strict=True)]
    others = random_days(rng, 80, 90, varies=False) if has_rest else None
    days = sums_of(rows).at(None)
    rest = sums_of(others).at(None) if others else None
    past = simulation.baseline_of(
        days.at(..., slice(0, 56)), rest and rest.at(..., slice(0, 56))
    )
    found = simulation.comparison(
        simulation.windows(days, length),
        length,
        past,
        rest and simulation.windows(rest, length),
    )
    p = simulation.upper_tail(found, np.ones(found["t"].shape, bool))
    baseline = Window(rows[:56], others and others[:56])
    for end in range(56 + length - 1, 80):
        here = slice(end - length + 1, end + 1)
        expected = oracle_decisions.comparison(
            Window(rows[here], others and others[here]), baseline
        )
        check(found, expected, COMPARED, end - length + 1)
        assert p[0, end - length + 1] == pytest.approx(expected["p_value"], rel=1e-9)
    levels = baseline.day_levels(np.log)
    kept = {
        "mean": np.concatenate(rows[:56]).mean(),
        "level": baseline.level(np.log),
        "level_variance": baseline.level_variance(np.log),
        "day_count": 56,
        "day_variance": levels.var(ddof=1),
        "autocorrelation": oracle_decisions.autocorrelation(levels),
    }
    check(past, kept, list(past), 0)
    bounds = {"restless": (0.01, 0.79), "drifting": (0.8, 0.8), "alternating": (0, 0)}
    least, most = bounds[course]
    assert least <= kept["autocorrelation"] <= most


@pytest.mark.parametrize("seed", range(3))
def test_trends_are_the_oracles(seed: int) -> None:
    rows = random_days(np.random.default_rng(seed), 40, 50)
    found = simulation.trend(sums_of(rows).at(None))
    p = simulation.upper_tail(found, np.ones(found["t"].shape, bool))
    for end in range(27, 40):
        days = [START + timedelta(days=number) for number in range(end - 27, end + 1)]
        expected = oracle_decisions.trend(days, Window(rows[end - 27 : end + 1]))
        names = ["slope", "standard_error", "degrees_of_freedom", "rise"]
        check(found, expected, names, end - 27)
        assert p[0, end - 27] == pytest.approx(expected["p_value"], rel=1e-9)


def finding(
    value: float, increase: float, p: float, warn_at: float, error_at: float
) -> int:
    if increase < 0.01:
        return 0
    if value > error_at and p < 0.001:
        return 2
    return int(value > warn_at and p < 0.005)


def confirmed(findings: list[int]) -> list[int]:
    """A finding is a verdict once it was found in two windows."""
    return [
        0 if not now or not before else 2 if now == before == 2 else 1
        for before, now in zip([0, *findings], findings, strict=False)
    ]


class Version:
    """The rows of cohorts, their labels, and what the rules find in them."""

    def __init__(self, cohorts: list[list], flags: list[list]) -> None:
        self.cohorts, self.flags = cohorts, flags
        self.whole = [np.concatenate(day) for day in zip(*cohorts, strict=True)]
        self.all_flags = [np.concatenate(day) for day in zip(*flags, strict=True)]

    def sums(self) -> Sums:
        pairs = zip(self.cohorts, self.flags, strict=True)
        cohorts = simulation.stacked([sums_of(*pair) for pair in pairs])
        return simulation.with_whole(cohorts).at(slice(None), None)

    def rest(self, cohort: int) -> list:
        others = self.cohorts[:cohort] + self.cohorts[cohort + 1 :]
        return [np.concatenate(day) for day in zip(*others, strict=True)]

    def against_past(self, end: int, length: int, cohort: int | None = None) -> dict:
        rows, rest = self.whole, None
        if cohort is not None:
            rows, rest = self.cohorts[cohort], self.rest(cohort)
        here = slice(end - length + 1, end + 1)
        return oracle_decisions.comparison(
            Window(rows[here], rest and rest[here]), Window(rows[:56], rest and rest[:56])
        )

    def trend(self, end: int) -> tuple[float, dict]:
        days = [START + timedelta(days=number) for number in range(end - 27, end + 1)]
        rows = self.whole[end - 27 : end + 1]
        line = oracle_decisions.trend(days, Window(rows))
        return line["rise"] / np.concatenate(rows).mean(), line

    def speed(self, end: int, long_days: int, short_days: int) -> tuple[float, dict]:
        long, short = (self.against_past(end, n) for n in (long_days, short_days))
        allowance = max(0.1 * np.concatenate(self.whole[:56]).mean(), 0.01)
        return min(long["increase"], short["increase"]) / allowance, long

    def is_evaluated(self, end: int, cohort: int | None = None) -> bool:
        flags = self.all_flags if cohort is None else self.flags[cohort]
        here = np.concatenate(flags[end - 6 : end + 1])
        return len(here) >= 30 and 10 <= here.sum() <= len(here) - 10


def risen_version(rise: float, is_cohort_worst: bool, noise: float) -> Version:
    """84 days of 14 cohorts that grow worse in the last two weeks."""
    rng = np.random.default_rng(5)
    shared = rng.lognormal(0, noise, 84)
    cohorts = []
    for size in (60, 150, *[18] * 12):
        rows = [
            rng.gamma(4, 0.1, size) * rng.lognormal(0, noise / 2) * day for day in shared
        ]
        is_worst = is_cohort_worst and size == 150
        factor = np.linspace(1, rise * (1.6 if is_worst else 1), 14)
        # one good day among them is no end of it
        factor[11] *= 0.6
        rows[70:] = [day * by for day, by in zip(rows[70:], factor, strict=True)]
        cohorts.append(rows)
    flags = [[rng.random(len(day)) < 0.08 for day in rows] for rows in cohorts]
    return Version(cohorts, flags)


RISEN = pytest.mark.parametrize(
    ("rise", "is_cohort_worst", "noise"),
    [(1.45, False, 0.02), (1.6, False, 0.2), (1.15, True, 0.02), (1.05, True, 0.1)],
)


@RISEN
def test_verdicts_test_what_the_oracle_tests(
    monkeypatch: pytest.MonkeyPatch, rise: float, is_cohort_worst: bool, noise: float
) -> None:
    """Value, test, eligibility and the number of tests that each rule's verdict is of."""
    first, count = 62, 84
    version = risen_version(rise, is_cohort_worst, noise)
    asked = []
    severity = simulation.severity

    def recorded(*arguments: object) -> np.ndarray:
        asked.append(arguments)
        return severity(*arguments)

    monkeypatch.setattr(simulation, "severity", recorded)
    simulation.verdicts(version.sums(), first)
    limits = [
        (0.1, 0.1), (0.2, 0.3), (np.inf, 3), (1.5, np.inf), (0.1, np.inf, "rise")
    ]
    assert [call[4:] for call in asked] == limits
    cohorts = range(len(version.cohorts))
    for end in range(first, count):
        step = end - first
        week = version.against_past(end, 7)
        judged = [version.is_evaluated(end, cohort) for cohort in cohorts]
        by_cohort = [version.against_past(end, 7, cohort) for cohort in cohorts]
        expected = [
            [(week["relative_increase"], week)],
            [(found["relative_increase"], found) for found in by_cohort],
            [version.speed(end, 7, 1)],
            [version.speed(end, 14, 3)],
            [version.trend(end)],
        ]
        for (values, found, eligible, tests, *_), told in zip(asked, expected, strict=True):
            is_cohorts = len(told) > 1
            p = simulation.upper_tail(found, np.ones(values.shape, bool))
            # the axes of scopes and runs, of which burn rates and trends have one
            p, values, eligible = (
                array[..., step].ravel() for array in (p, values, eligible)
            )
            assert values == pytest.approx([value for value, _ in told], rel=1e-9)
            assert p == pytest.approx([test["p_value"] for _, test in told], rel=1e-9)
            assert eligible.tolist() == (
                judged if is_cohorts else [version.is_evaluated(end)]
            )
            assert (tests[0, step] if is_cohorts else tests) == (
                sum(judged) if is_cohorts else 1
            )


@RISEN
def test_verdicts_are_those_of_the_rules(
    rise: float, is_cohort_worst: bool, noise: float
) -> None:
    first, count = 62, 84
    version = risen_version(rise, is_cohort_worst, noise)
    actual = simulation.verdicts(version.sums(), first)
    expected: dict[str, list] = {name: [] for name in actual}
    cohort_findings: list[list[int]] = [[] for _ in version.cohorts]
    for end in range(first, count):
        assert version.is_evaluated(end)
        week = version.against_past(end, 7)
        values = week["relative_increase"], week["increase"], week["p_value"]
        expected["mean_log_loss_increase"].append(finding(*values, 0.1, 0.1))
        for rule, days, limits in (
            ("fast_burn_rate", (7, 1), (np.inf, 3)),
            ("slow_burn_rate", (14, 3), (1.5, np.inf)),
        ):
            speed, long = version.speed(end, *days)
            expected[rule].append(
                finding(speed, long["increase"], long["p_value"], *limits)
            )
        share, line = version.trend(end)
        expected["log_loss_trend"].append(
            finding(share, line["rise"], line["p_value"], 0.1, np.inf)
        )
        judged = [version.is_evaluated(end, cohort) for cohort in range(14)]
        for cohort, found in enumerate(cohort_findings):
            week = version.against_past(end, 7, cohort)
            p = min(1, week["p_value"] * sum(judged))
            value = finding(week["relative_increase"], week["increase"], p, 0.2, 0.3)
            found.append(value if judged[cohort] else 0)
    name = "mean_log_loss_increase"
    expected[name] = confirmed(expected[name])
    cohort_verdicts = [confirmed(found) for found in cohort_findings]
    for rule, verdict in actual.items():
        if rule == "cohort_log_loss_increase":
            assert verdict[:, 0].tolist() == cohort_verdicts
        else:
            assert verdict[0, 0].tolist() == expected[rule], rule
    if is_cohort_worst:
        assert 2 in cohort_verdicts[1]
        # what happens to one is not the others'
        assert not any(map(any, cohort_verdicts[:1] + cohort_verdicts[2:]))
    else:
        assert any(expected[name])
        assert any(expected["slow_burn_rate"])
        # and what happens to all of them is nobody's own
        assert not any(map(any, cohort_verdicts))


@pytest.mark.parametrize(
    ("p", "tests", "expected"),
    [(0.0009, 1, 2), (0.0011, 1, 1), (0.0004, 3, 1), (0.0016, 3, 1), (0.0018, 3, 0)],
)
def test_more_cohorts_need_more_evidence(p: float, tests: int, expected: int) -> None:
    found = {
        "increase": np.array([0.1]),
        "degrees_of_freedom": np.array([9.5]),
        "t": np.array([stats.t.isf(p, 9.5)]),
    }
    value, eligible = np.array([0.31]), np.array([True])
    assert simulation.severity(value, found, eligible, tests, 0.2, 0.3) == expected
    assert simulation.severity(value, found, ~eligible, tests, 0.2, 0.3) == 0
    small = found | {"increase": np.array([0.0099])}
    assert simulation.severity(value, small, eligible, tests, 0.2, 0.3) == 0


def test_an_alert_that_comes_back_within_seven_days_is_the_same() -> None:
    verdict = np.zeros((3, 30), np.int8)
    verdict[0, [3, 10, 18]] = 2
    verdict[1, [3, 10]] = 1
    verdict[1, [11, 12, 20]] = 2, 2, 1
    verdict[2, 5:] = 1
    pages, tickets = simulation.episodes(verdict)
    assert pages.tolist() == [2, 1, 0]
    assert tickets.tolist() == [0, 1, 1]


@pytest.mark.parametrize("policy", simulation.POLICIES)
def test_a_baseline_moves_and_is_frozen(policy: str) -> None:
    # among these draws findings that come 7 and 8 days after the last and matter
    rng = np.random.default_rng(21)
    first, count = 89, 260
    effects = rng.lognormal(0, 0.16, count) * (1 + 0.3 * (np.arange(count) > 120))
    rows = [rng.gamma(4, 0.1, 40) * effect for effect in effects]
    actual = simulation.moving_findings(sums_of(rows).at(None), first, policy)[0]
    expected: list[int] = []
    kept, last = None, None
    for end in range(first, count):
        is_open = last is not None and (
            policy == "trailing, frozen for good"
            or (policy == "trailing, frozen" and end - last <= 7)
        )
        if not is_open:
            # 14 days lie between the baseline and the window
            kept = slice(0, 56) if policy == "first" else slice(end - 76, end - 20)
        week = oracle_decisions.comparison(
            Window(rows[end - 6 : end + 1]), Window(rows[kept])
        )
        expected.append(
            finding(
                week["relative_increase"], week["increase"], week["p_value"], 0.1, 0.1
            )
        )
        last = end if expected[-1] else last
    assert actual.tolist() == expected
    assert any(expected)
    assert not all(expected)


# --------------------------------------------------------------------------------------
# What is drawn


@pytest.mark.parametrize("correlation", [0.0, 0.43, 0.7])
def test_day_effects_have_the_spread_that_they_are_said_to_have(
    correlation: float,
) -> None:
    rng = np.random.default_rng(1)
    found = simulation.day_effects(0.3, correlation, (20_000, 40), rng)
    assert found.mean() == pytest.approx(1, abs=0.003)
    for day in (0, 39):
        assert found[:, day].std() == pytest.approx(0.3, rel=0.03)
    neighbours = np.corrcoef(found[:, 20], found[:, 21])[0, 1]
    assert neighbours == pytest.approx(correlation, abs=0.02)
    assert np.all(simulation.day_effects(0, correlation, (2, 3), rng) == 1)


def test_days_are_sums_of_drawn_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "POOL_ROWS", 2**17)
    monkeypatch.setattr(simulation, "POOL_BLOCKS", 4_000)
    rng = np.random.default_rng(2)
    for shape, mean, cv, skew in (("A", 0.4545, 1.23, 2.1), ("B", 0.098, 5.05, 7.1)):
        losses, positive = simulation.row_pool(shape, 1)
        assert losses.mean() == pytest.approx(mean, rel=0.06)
        assert losses.std() / losses.mean() == pytest.approx(cv, rel=0.05)
        assert stats.skew(losses) == pytest.approx(skew, rel=0.1)
        days = simulation.draw_days(shape, 1_000, (2_000, 3), rng, 1)
        assert np.all(days.count == 1_000)
        for part, row in (
            (days.total, losses), (days.squares, losses**2), (days.positives, positive)
        ):
            near = 4 * row.std() / np.sqrt(4_000 * 500)
            assert part.mean() / 1_000 == pytest.approx(row.mean(), abs=near)
            assert part.var() == pytest.approx(1_000 * row.var(), rel=0.12)
        # skewed as the sum of so many rows is
        skew = stats.skew(losses) / np.sqrt(1_000)
        assert stats.skew(days.total.ravel()) == pytest.approx(skew, abs=0.12)
    simulation.row_pool.cache_clear()
    simulation.block_pool.cache_clear()


# --------------------------------------------------------------------------------------
# What is kept

KEPT = json.loads((BENCHMARKS / "results_decisions.json").read_text())
PARTS = {name: part["rows"] for name, part in KEPT["parts"].items()}


def test_the_tables_show_the_figures_that_are_kept() -> None:
    page = (BENCHMARKS / "results_decisions.md").read_text()
    assert page == simulation.report(KEPT)
    tables: list[list[list[str]]] = []
    for line, before in zip(page.splitlines(), ["", *page.splitlines()], strict=False):
        if line.startswith("|") and not before.startswith("|"):
            tables.append([])
        if line.startswith("|"):
            tables[-1].append([cell.strip() for cell in line.strip("|").split("|")])
    shown = {rows[0][0] + rows[0][-2]: rows for rows in tables}
    for name, part, column, figure, unit in (
        ("shapemedian days to it", "gate", 4, "wrongly_rolled_back", 100),
        ("shapemedian days to it", "power", 3, "found_5_percent", 100),
        ("shapeyears with a page", "pages", 3, "pages", 1),
        ("shapeticket in 28 days", "delay", 5, "paged_within_28", 100),
    ):
        found = [
            rows for rows in tables
            if rows[0][0] + rows[0][-2] == name and len(rows) == len(PARTS[part]) + 2
        ]
        assert len(found) == 1, (part, list(shown))
        for cells, row in zip(found[0][2:], PARTS[part], strict=True):
            assert float(cells[column].split()[0]) == pytest.approx(
                unit * row[figure][0], abs=0.0501 if unit == 100 else 0.000501
            )
            assert cells[-1] == f"{row['runs']:,}"


def test_every_part_is_kept_with_enough_runs() -> None:
    assert list(PARTS) == list(simulation.PARTS)
    assert len(PARTS["gate"]) == 3 * 2 * 2 * len(simulation.GATE_EFFECTS)
    assert len(PARTS["power"]) == 2 * len(simulation.POWER_SHAPES)
    assert len(PARTS["pages"]) == len(simulation.PAGE_CELLS)
    assert len(PARTS["trailing"]) == 3 * len(simulation.SCENARIOS) * len(
        simulation.POLICIES
    )
    for name, rows in PARTS.items():
        assert all(row["runs"] >= 4_000 for row in rows), name


def test_few_canaries_are_decided_wrongly() -> None:
    """While what differs from day to day is common to both versions.

    A canary × day effect is promoted wrongly more often than that, and one that lasts is
    decided wrongly on both sides: see the goals in results_decisions.md.
    """
    rows = [row for row in PARTS["gate"] if row["effects"] in ("none", "day 25 %")]
    assert len(rows) == 24
    for row in rows:
        assert row["wrongly_rolled_back"][0] <= 0.05, row
        assert row["wrongly_promoted"][0] <= 0.05, row
    for row in PARTS["gate"]:
        if not row["effects"].endswith("that lasts"):
            assert row["wrongly_rolled_back"][0] <= 0.05, row


def test_a_rise_of_five_percent_is_found_within_a_fortnight() -> None:
    """Up to a coefficient of variation of 1.3, on days that are all alike."""
    rows = [
        row for row in PARTS["power"] if row["effect"] == 0 and round(row["cv"], 2) <= 1.3
    ]
    assert len(rows) == 13
    for row in rows:
        assert row["found_5_percent"][0] >= 0.9, row


def test_nobody_is_paged_more_than_once_a_year_for_nothing() -> None:
    """All rules together, on days that resemble each other as much as the flights'."""
    rows = [
        row for row in PARTS["pages"]
        if row["effect"] <= 0.25 and row["correlation"] == simulation.CORRELATION
    ]
    assert {(row["shape"], row["effect"]) for row in rows} >= {
        (shape, effect) for shape in "ABC" for effect in (0, 0.1, 0.25)
    }
    for row in rows:
        assert row["pages"][0] <= 1, row
        rules = [row[f"pages {rule}"][0] for rule in simulation.PAGING]
        assert sum(rules) == pytest.approx(row["pages"][0], abs=1e-5)


def test_the_goals_say_what_is_missed() -> None:
    """The page of results hides no miss: its verdicts from the rows a second time."""
    told = {goal["goal"]: goal["cells_missed"] for goal in simulation.goals(PARTS)}
    expected = {
        "wrong rollbacks": sum(
            row["wrongly_rolled_back"][0] > 0.05 for row in PARTS["gate"]
        ),
        "wrong promotions": sum(
            row["wrongly_promoted"][0] > 0.05 for row in PARTS["gate"]
        ),
        "+5 % rolled back within 14 days, CV up to 1.3": sum(
            row["found_5_percent"][0] < 0.9
            for row in PARTS["power"]
            if round(row["cv"], 2) <= 1.3
        ),
        "pages a year, day effect up to 25 %": sum(
            row["pages"][0] > 1 for row in PARTS["pages"] if row["effect"] <= 0.25
        ),
    }
    assert told == expected
    page = (BENCHMARKS / "results_decisions.md").read_text()
    for goal in simulation.goals(PARTS):
        assert f"| {goal['cells_missed']} of {goal['cells']} |" in page


# ------------------------------------------------------------------ estimates


def kept_estimates() -> dict[tuple[str, str, str, str], list[float | None]]:
    """Bias, error and coverage in percent, by case, estimator, window and age."""
    found, case = {}, ""
    for row in (BENCHMARKS / "results_estimates.md").read_text().splitlines():
        if row.startswith("## "):
            case = row.removeprefix("## ")
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        if len(cells) == 7 and cells[1].isdigit():
            found[case, *cells[:3]] = [
                None if cell == "–" else float(cell.removesuffix(" %"))
                for cell in cells[3:6]
            ]
    return found


SLOW = [
    "positives 4 x slower",
    "positives 4 x slower, speed varies 30 %",
    "positives 4 x slower, weekly batches",
    "positives 4 x slower, a fifth never labeled",
]


@pytest.mark.parametrize("case", SLOW)
def test_estimates_that_were_kept_hold(case: str) -> None:
    """From the third day on without a bias, and with intervals neither narrow nor wide."""
    kept = kept_estimates()
    so_far = kept[case, "so_far", "1", "3"]
    assert so_far[0] < -15
    for age in ("3", "7", "14"):
        bias, _, covered = kept[case, "completeness_weighted", "1", age]
        assert abs(bias) <= 1
        # known to about 1 %
        assert 93 <= covered <= (98 if "weekly" in case else 97)
    _, _, first = kept[f"{case}: before 28 errors are known", "completeness_weighted", "1", "3"]
    assert 93 <= first <= 98


def test_strata_that_were_kept_hold() -> None:
    for case in ("classes as fast", "some 60 positives a day"):
        case = f"one of two strata 4 x slower, {case}"
        for age in ("3", "7"):
            bias, _, covered = kept_estimates()[case, "post_stratified", "1", age]
            assert abs(bias) <= 2 and 93 <= covered <= 97


def test_what_no_label_says_is_right_until_the_truth_moves() -> None:
    kept = kept_estimates()
    for age in ("0", "3", "14"):
        assert abs(kept["positives 4 x slower", "label_free", "1", age][0]) <= 3
        after = kept["concept drift from day 230: after it", "label_free", "1", age]
        assert after[0] < -25
        shifted = kept["covariate shift from day 230: after it", "label_free", "1", age]
        assert abs(shifted[0]) <= 3
