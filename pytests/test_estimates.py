"""The estimates of the loss to come, beside a row-by-row computation with pandas."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness import LABEL_COLUMNS, PREDICTION_COLUMNS, UserProject
from oracle_diagnosis import HORIZON, Estimates, days, margin

FIRST = date(2024, 1, 1)
DAYS = 125
AS_OF = FIRST + days(DAYS - 1)
MODEL = "payments"
KINDS = ["steady", "weekly", "gaps", "strata"]
VARIABLES = {
    "log_loss_cohorts": ["region"],
    "log_loss_as_of_date": AS_OF.isoformat(),
    "log_loss_estimate_history_days": DAYS + 1,
}


def history(kind: str, length: int = DAYS, requests: int = 70) -> Estimates:
    """Positives report four times slower; some labels change, some go again.

    Of `strata` all classes report alike and one stratum, the harder one, more slowly.
    """
    random = np.random.default_rng(5)
    as_of = FIRST + days(length - 1)
    size = requests * length
    day = np.repeat(np.arange(length), requests)
    score = random.beta(2, 5, size)
    stratum = np.array(["north", "south", "tiny"])[
        random.choice(3, size, p=[0.55, 0.43, 0.02])
    ]
    slow = np.zeros(size, dtype=bool)
    if kind == "strata":
        slow = stratum == "south"
        # as many positives, and nothing known about which
        score = np.where(slow, 0.35 + 0.3 * score, random.beta(0.2, 0.25, size))
    label = (random.random(size) < score).astype(int)
    is_slower = slow if kind == "strata" else label == 1
    delay = random.exponential(np.where(is_slower, 4, 1))
    delay += random.random(size)
    if kind == "weekly":
        delay = np.ceil((day + delay) / 7) * 7 - day
    predictions = pd.DataFrame(
        {
            "request_id": [f"r{n}" for n in range(size)],
            "version": np.where(random.random(size) < 0.8, "v1", "v2"),
            "metric_date": [FIRST + days(int(n)) for n in day],
            "score": score,
            "stratum": stratum,
            "label": label,
            "recorded": [FIRST + days(int(n)) for n in np.floor(day + delay)],
        }
    )
    if kind != "gaps":
        predictions["version"] = "v1"
    else:
        # no traffic on Sundays and on a sixth of the other days, nor for ten days on end
        is_open = (np.arange(length) % 7 != 6) & (random.random(length) > 1 / 6)
        is_open[60:70] = False
        predictions = predictions[is_open[day]]
        size = len(predictions)
    events = predictions[["request_id", "label", "recorded"]].assign(labeled=0)
    events = events[random.random(size) < 0.97]
    changed = events.sample(frac=0.04, random_state=1).copy()
    changed["labeled"] = 1
    changed["recorded"] = [d + days(int(random.integers(1, 12))) for d in changed["recorded"]]
    flips = random.random(len(changed)) < 0.7
    changed["label"] = np.where(flips, 1 - changed["label"], np.nan)
    labels = pd.concat([events, changed])
    predictions = predictions.drop(columns=["label"]).assign(
        recorded=predictions["metric_date"]
    )
    labels = labels[labels["recorded"] <= as_of]
    return Estimates(predictions, labels, as_of, kind=kind)


def load(
    project: UserProject, given: Estimates, model: str = MODEL, append: bool = False
) -> None:
    project.load_rows(
        "predictions",
        [
            {
                "request_id": row.request_id,
                "model_name": model,
                "model_version": row.version,
                "predicted_at": datetime.combine(row.metric_date, time(8)),
                "probability": row.score,
                "region": row.stratum,
            }
            for row in given.predictions.itertuples()
        ],
        {**PREDICTION_COLUMNS, "region": "varchar"},
        append,
    )
    project.load_rows(
        "labels",
        [
            {
                "request_id": row.request_id,
                "model_name": model,
                "label": None if pd.isna(row.label) else str(int(row.label)),
                "labeled_at": datetime.combine(row.recorded, time(9))
                + timedelta(hours=row.labeled),
            }
            for row in given.labels.itertuples()
        ],
        LABEL_COLUMNS,
        append,
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> UserProject:
    """Each kind of history is that of a model of its own."""
    directory = tmp_path_factory.mktemp("estimates")
    project = UserProject(
        directory / "warehouse.duckdb", directory / "target", dict(VARIABLES)
    )
    for number, kind in enumerate(KINDS):
        load(project, history(kind), kind, append=number > 0)
    project.run("--select", "+log_loss_estimate", "+log_loss_label_maturity")
    return project


@pytest.fixture(scope="module", params=KINDS)
def case(
    request: pytest.FixtureRequest, built: UserProject
) -> tuple[Estimates, pd.DataFrame, pd.DataFrame]:
    made, maturity = (
        built.query(f"from main.{mart} where model_name = '{request.param}'")
        for mart in ("log_loss_estimate", "log_loss_label_maturity")
    )
    made["metric_date"] = made["metric_date"].dt.date
    made["as_of_date"] = made["as_of_date"].dt.date
    return history(request.param), made, maturity


def sampled(made: pd.DataFrame) -> pd.DataFrame:
    """Some looks of every kind: early and late in the history, young and old."""
    keys = ["metric_date", "window_days", "age_days", "as_of_date", "model_version"]
    looks = made[keys].drop_duplicates().sort_values(keys)
    late = looks[looks["as_of_date"] > FIRST + days(112)]
    return pd.concat([looks.sample(80, random_state=3), late.sample(60, random_state=4)])


@pytest.mark.parametrize(
    "estimator",
    [
        "so_far",
        "label_free",
        "label_free_recalibrated",
        "completeness_weighted",
        "post_stratified",
    ],
)
def test_an_estimate_is_what_its_definition_says(case: tuple, estimator: str) -> None:
    given, made, _ = case
    rows = made[made["estimator"] == estimator].set_index(
        ["metric_date", "window_days", "age_days", "model_version"]
    )
    compared = refused = early = without_interval = 0
    for look in sampled(made).itertuples():
        given.version = look.model_version
        row = rows.loc[
            (look.metric_date, look.window_days, look.age_days, look.model_version)
        ]
        arguments = (look.metric_date, look.window_days, look.as_of_date)
        if estimator == "so_far":
            labeled = pd.concat(r for _, r in given.members(*arguments))["loss"].dropna()
            expected = (labeled.mean() if len(labeled) else None, None, None)
            assert row["labeled_count"] == len(labeled)
        elif estimator == "label_free_recalibrated":
            expected = given.recalibrated(*arguments)
        else:
            expected = getattr(given, estimator)(*arguments)
        estimate, error, reason, *of_days = expected
        if estimate is None:
            assert pd.isna(row["estimated_log_loss"]), look
            assert estimator == "so_far" or row["reason"] == reason, look
            refused += 1
            continue
        assert row["estimated_log_loss"] == pytest.approx(estimate, rel=1e-9), look
        is_weekly = given.is_weekly(look.as_of_date)
        if estimator == "post_stratified" and row["past_date_count"] == 0:
            assert pd.isna(row["standard_error"]) and pd.isna(row["estimate_ci_lower"]), look
            without_interval += 1
        elif estimator != "so_far":
            in_the_past = estimate * np.nan_to_num(row["past_error"])
            day_error = of_days[0] if of_days else None
            if day_error is not None and row["past_date_count"] < (10 if is_weekly else 28):
                wider = max(np.hypot(error, day_error), in_the_past)
                early += 1
            else:
                wider = max(error, in_the_past)
            assert row["standard_error"] == pytest.approx(wider, rel=1e-9), look
            expected = margin(
                error,
                in_the_past,
                row["past_date_count"],
                look.window_days,
                is_weekly,
                day_error,
            )
            # the quantile of t is an approximation, within 1.5 % from 3 degrees on
            assert np.log(row["estimate_ci_upper"] / estimate) == pytest.approx(
                expected / estimate, rel=0.015
            ), look
            assert row["estimate_ci_lower"] == pytest.approx(
                estimate**2 / row["estimate_ci_upper"], rel=1e-9
            ), look
        compared += 1
    assert compared >= 10
    assert refused > 0 or estimator in ("so_far", "label_free")
    assert early > 5 or estimator != "completeness_weighted"
    assert without_interval > 0 or estimator != "post_stratified"


def test_the_loss_is_realised_at_the_horizon(case: tuple) -> None:
    given, made, _ = case
    for look in sampled(made).itertuples():
        rows = made[
            (made["metric_date"] == look.metric_date)
            & (made["window_days"] == look.window_days)
            & (made["age_days"] == look.age_days)
            & (made["model_version"] == look.model_version)
        ]
        given.version = look.model_version
        expected = given.realised(look.metric_date, look.window_days)
        if expected is None:
            unrealised = rows[["realised_log_loss", "estimate_error", "relative_error"]]
            assert unrealised.isna().all(axis=None)
            continue
        errors = rows.dropna(subset=["estimated_log_loss"])
        made_as = errors["estimated_log_loss"].to_numpy()
        near = {"rel": 1e-9, "abs": 1e-12}
        assert errors["estimate_error"].to_numpy() == pytest.approx(
            made_as - expected, **near
        )
        assert errors["relative_error"].to_numpy() == pytest.approx(
            made_as / expected - 1, **near
        )
        assert rows["realised_log_loss"].to_numpy() == pytest.approx(
            np.full(len(rows), expected), rel=1e-9
        )


def test_the_latest_rows_are_those_of_the_oldest_age(case: tuple) -> None:
    _, made, _ = case
    keys = ["metric_date", "window_days", "estimator", "model_version"]
    oldest = made.groupby(keys)["age_days"].transform("max")
    assert (made["is_latest"] == (made["age_days"] == oldest)).all()
    coverage = made["labeled_count"] / made["prediction_count"]
    pd.testing.assert_series_equal(made["label_coverage"], coverage, check_names=False)


def test_estimators_are_ranked_by_their_past_errors(case: tuple) -> None:
    given, made, _ = case
    rivals = made[made["estimator"] != "chosen"].copy()
    weekly = rivals["as_of_date"].map({d: given.is_weekly(d) for d in set(made["as_of_date"])})
    enough = rivals["past_date_count"] >= np.where(weekly, 10, 28)
    keys = ["metric_date", "window_days", "age_days", "model_version"]
    errors = np.floor(rivals["past_error"].where(enough) * 1e6 + 0.5)
    expected = errors.groupby([rivals[key] for key in keys]).rank(method="min")
    pd.testing.assert_series_equal(
        rivals["past_error_rank"].astype(float), expected, check_names=False
    )
    assert expected.nunique() >= 3
    assert made.loc[made["estimator"] == "chosen", "past_error_rank"].isna().all()


def test_past_errors_are_those_realised_by_then(case: tuple) -> None:
    """Also of `chosen`: the errors of what was chosen on each day."""
    given, made, _ = case
    keys = ["window_days", "age_days", "estimator"]
    weekly = made["as_of_date"].map({d: given.is_weekly(d) for d in set(made["as_of_date"])})
    made = made.assign(
        weekday=made["metric_date"].map(lambda d: d.isoweekday()).where(weekly, 0)
    )
    checked = 0
    for _, rows in made.groupby(keys):
        realised = rows.dropna(subset=["relative_error"])
        for row in rows.sample(4, random_state=7).itertuples():
            past = realised[realised["metric_date"] + days(HORIZON) <= row.as_of_date]
            past = remembered(past[past["weekday"] == row.weekday], row.as_of_date)
            assert row.past_date_count == past["metric_date"].nunique()
            if past.empty:
                assert pd.isna(row.past_error)
                continue
            squares = past["relative_error"] ** 2
            expected = np.sqrt(np.average(squares, weights=past["prediction_count"]))
            assert row.past_error == pytest.approx(expected, rel=1e-9)
            checked += 1
    assert checked > 50


def remembered(past: pd.DataFrame, on: date) -> pd.DataFrame:
    """The last 84 days that were realised by then."""
    return past[past["metric_date"] > on - days(HORIZON + 84)]


def test_the_chosen_one_follows_the_rule(case: tuple) -> None:
    """Where both have an estimate, by their errors on the days that had both."""
    given, made, _ = case
    weekly = made["as_of_date"].map({d: given.is_weekly(d) for d in set(made["as_of_date"])})
    made["weekday"] = made["metric_date"].map(lambda d: d.isoweekday()).where(weekly, 0)
    keys = ["metric_date", "window_days", "age_days", "model_version"]
    by = {name: rows.set_index(keys) for name, rows in made.groupby("estimator")}
    chosen = by["chosen"]
    weighted = by["completeness_weighted"].loc[chosen.index]
    strata = by["post_stratified"].loc[chosen.index]
    has_weighted = weighted["estimated_log_loss"].notna()
    has_strata = strata["estimated_log_loss"].notna()
    both = has_weighted & has_strata
    contests = chosen[["as_of_date", "weekday"]].assign(
        weighted=weighted["relative_error"], strata=strata["relative_error"],
        requests=chosen["prediction_count"],
    )
    contests = contests[both & contests["weighted"].notna()].reset_index()
    better = pd.Series(False, index=chosen.index)
    for key in chosen.index[both]:
        look = chosen.loc[key]
        past = contests[
            (contests["window_days"] == key[1])
            & (contests["age_days"] == key[2])
            & (contests["weekday"] == look["weekday"])
            & (contests["metric_date"] + days(HORIZON) <= look["as_of_date"])
        ]
        past = remembered(past, look["as_of_date"])
        requests = past["requests"] / past["requests"].sum()
        errors = np.sqrt((past[["weighted", "strata"]] ** 2).mul(requests, axis=0).sum())
        enough = 10 if look["weekday"] else 28
        known = past["metric_date"].nunique()
        better[key] = known >= enough and errors["strata"] <= 0.9 * errors["weighted"]
    expected = pd.Series(None, index=chosen.index, dtype=object)
    expected[has_weighted] = "completeness_weighted"
    expected[has_strata & (~has_weighted | better)] = "post_stratified"
    found = chosen["chosen_estimator"].astype(object).where(
        chosen["chosen_estimator"].notna(), None
    )
    assert (found.fillna("") == expected.fillna("")).all()
    assert set(expected.dropna()) == {"completeness_weighted", "post_stratified"}
    # where strata differ in speed and classes do not, the contest is won
    assert better.any() or given.kind != "strata"
    same = ["estimated_log_loss", "standard_error", "estimate_ci_lower"]
    by_choice = expected.dropna()
    for name in set(by_choice):
        rows = chosen.loc[by_choice.index[by_choice == name], same]
        pd.testing.assert_frame_equal(rows, by[name].loc[rows.index, same])
    unverifiable = made[made["estimator"].str.startswith("label_free")]
    assert not unverifiable["is_verifiable"].any()


def test_an_estimate_stays_as_it_was_made(
    tmp_path: Path,
) -> None:
    """Whatever is kept: the errors that a row remembers are those it had then."""
    project = UserProject(tmp_path / "warehouse.duckdb", tmp_path / "target", dict(VARIABLES))
    # longer than what is computed for what is kept: 5 days, and 224 before them
    length = 270
    last = FIRST + days(length - 1)
    load(project, history("steady", length, 40))
    columns = "metric_date window_days age_days estimator".split()
    made = {}
    for kept, as_of in ((15, last - days(12)), (5, last), (length + 1, last)):
        project.variables["log_loss_estimate_history_days"] = kept
        project.variables["log_loss_as_of_date"] = as_of.isoformat()
        project.run("--select", "+log_loss_estimate")
        rows = project.mart("log_loss_estimate").set_index(columns).sort_index()
        made[kept, as_of] = rows
    assert made[5, last]["as_of_date"].dt.date.min() == last - days(4)
    then = ["chosen_estimator", "estimated_log_loss", "standard_error",
            "estimate_ci_lower", "past_error", "past_date_count"]  # fmt: skip
    for early, late in (
        (made[15, last - days(12)], made[length + 1, last]),
        (made[5, last], made[length + 1, last]),
    ):
        common = early.index.intersection(late.index)
        assert len(common) > 1000
        assert early.loc[common, "past_date_count"].max() >= 50
        pd.testing.assert_frame_equal(
            early.loc[common, then], late.loc[common, then], rtol=1e-9, atol=0
        )


def test_maturity_is_the_ladder_of_the_as_of_date(case: tuple) -> None:
    given, _, maturity = case
    assert set(maturity["weekday"]) == (
        set(range(1, 8)) if given.is_weekly(AS_OF) else {0}
    )
    for row in maturity.sample(50, random_state=2).itertuples():
        ladder = given.ladder(AS_OF, int(row.label), row.weekday)
        share, variance, _, dates_used, _ = ladder["ages"][row.age_days]
        expected = 0.0 if np.isnan(share) else share
        assert row.label_completeness == pytest.approx(expected, rel=1e-9)
        assert row.complete_date_count == dates_used
        if share > 0:
            assert row.development_error == pytest.approx(np.sqrt(variance), rel=1e-9)
        assert row.late_share == pytest.approx(ladder["late"], rel=1e-9)
