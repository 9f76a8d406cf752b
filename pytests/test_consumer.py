"""A stranger's project installs the package, builds it and gets the right numbers.

The project is `integration_tests/`: names, cohorts, labels and thresholds of its own.
What its marts hold is recomputed here from the raw seed files, with scikit-learn.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dbt.cli.main import dbtRunnerResult
from sklearn import metrics

from harness import (
    LABEL_COLUMNS,
    PREDICTION_COLUMNS,
    UserProject,
    install_packages,
    messages,
)

REPOSITORY = Path(__file__).parent.parent
BANK = REPOSITORY / "integration_tests"
PACKAGE_SCHEMA = "main_ml_quality"

# each model's classes in the order in which it declares them
CLASSES = {
    "card_fraud": ["legit", "fraud"],
    "repayment": ["on_time", "late", "won't_pay"],
    "churn": ["0", "1"],
}
COHORTS = ["country", "channel"]
SCORES = ["score_1", "score_2", "score_3"]
PREDICTION_KEY = ["scoring_id", "model", "version"]
EPSILON = 1e-15


@dataclass(frozen=True)
class Build:
    """One `dbt build`: its result and everything it logged."""

    result: dbtRunnerResult
    log: list[dict]

    @property
    def nodes(self) -> list:
        return [result.node for result in self.result.result.results]


@dataclass(frozen=True)
class Bank:
    """The bank's warehouse after the jobs of the README, and after a whole build."""

    project: UserProject
    jobs: dict[str, dbtRunnerResult]
    tables_after_jobs: dict[str, pd.DataFrame]
    build: Build
    tables_after_build: dict[str, pd.DataFrame]

    def mart(self, name: str) -> pd.DataFrame:
        return self.tables_after_jobs[f"{PACKAGE_SCHEMA}.{name}"]


def readme_jobs() -> list[str]:
    """What a job in a project like this one runs, in the README's order."""
    [table] = re.findall(
        r"\| what \| here \| in your project \|\n(.*?)\n\n",
        (REPOSITORY / "README.md").read_text(),
        re.DOTALL,
    )
    return re.findall(r"`dbt ([^`]*)` \|$", table, re.MULTILINE)


def build(project: UserProject) -> Build:
    log_path = project.target_path / "dbt.log"
    log_path.unlink(missing_ok=True)
    result = project.invoke(
        "build", "--log-format-file", "json", "--show-all-deprecations"
    )
    log = [json.loads(line)["info"] for line in log_path.read_text().splitlines()]
    return Build(result, log)


def all_tables(project: UserProject) -> dict[str, pd.DataFrame]:
    """Every relation of the warehouse, in an order that does not depend on a run.

    Without the ledger's markers, which note what a run replaced and hold no number.
    """
    names = project.query(
        "select table_schema || '.' || table_name as name"
        " from information_schema.tables order by name"
    )["name"]
    tables = {
        name: project.query(f"select * from {name} order by all") for name in names
    }
    ledger = f"{PACKAGE_SCHEMA}.int_log_loss__ledger"
    if ledger in tables:
        unmarked = tables[ledger].query("grain != 'marker'")
        tables[ledger] = unmarked.reset_index(drop=True)
    return tables


def installed_copy(directory: Path) -> Path:
    """The bank's project with the package installed, out of the way of other runs."""
    shutil.copytree(
        BANK,
        directory,
        ignore=shutil.ignore_patterns("dbt_packages", "logs", "target", "*.duckdb"),
    )
    packages = directory / "packages.yml"
    assert "- local: ..\n" in packages.read_text()
    packages.write_text(f"packages:\n  - local: {REPOSITORY}\n")
    install_packages(directory)
    return directory


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    """Install and build, job by job and then as a whole, as the README tells."""
    directory = tmp_path_factory.mktemp("bank")
    project = UserProject(
        directory / "bank.duckdb",
        directory / "target",
        project=installed_copy(directory / "project"),
        is_parsed_anew=True,
    )
    in_one = replace(project, is_parsed_anew=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACME_BANK_DUCKDB_PATH", str(project.path))
        everything, *parts = readme_jobs()
        assert everything == "build --select 1+package:log_loss"
        jobs = {job: in_one.invoke(*job.split()) for job in ["seed", *parts]}
        tables = all_tables(project)
        yield Bank(project, jobs, tables, build(project), all_tables(project))


# ---------------------------------------------------------------------------------
# the same numbers, from the raw files


def raw(name: str) -> pd.DataFrame:
    return pd.read_csv(BANK / "seeds" / f"{name}.csv", dtype=str, keep_default_na=False)


def accepted_scores() -> pd.DataFrame:
    """The scores that the contract accepts, with typed columns; first copy wins."""
    scores = raw("raw_scoring_log").query("channel != 'load_test'").copy()
    scores[SCORES] = scores[SCORES].apply(pd.to_numeric, errors="coerce")
    scores["amount"] = pd.to_numeric(scores["amount_eur"])
    scores["country"] = scores["country"].str.strip().str.upper()
    scores["country"] = scores["country"].replace("", "(unknown)")
    used = scores["model"].map(lambda model: 3 if model == "repayment" else 1)
    in_range = [
        scores[name].between(0, 1) | (used <= position)
        for position, name in enumerate(SCORES)
    ]
    sums_to_one = (scores[SCORES].sum(axis=1) - 1).abs() <= 1e-3
    named = (scores[[*PREDICTION_KEY, "scored_at"]] != "").all(axis=1)
    accepted = scores[
        named
        & np.logical_and.reduce(in_range)
        & (sums_to_one | (used == 1))
        & (scores["amount"] >= 0)
        & (scores["landed_at"] < "2100")
    ]
    return accepted.sort_values("landed_at").drop_duplicates(PREDICTION_KEY)


def true_outcomes(landed_before: str = "9999") -> pd.DataFrame:
    """The outcome in force of each request: the latest event that is a known class."""
    outcomes = raw("raw_outcomes").query("landed_at < @landed_before").copy()
    outcomes["label"] = outcomes["outcome"].str.strip().str.lower()
    outcomes["label"] = outcomes["label"].replace(
        {"true": "1", "1.0": "1", "false": "0", "0.0": "0"}
    )
    known = outcomes.apply(
        lambda row: row["label"] in ["", *CLASSES.get(row["model"], [])], axis=1
    )
    named = (outcomes[["scoring_id", "model", "decided_at"]] != "").all(axis=1)
    latest = (
        outcomes[named & known]
        .sort_values("decided_at")
        .drop_duplicates(["scoring_id", "model"], keep="last")
    )
    return latest.query("label != ''")[["scoring_id", "model", "label", "decided_at"]]


def evaluated_scores() -> pd.DataFrame:
    """Every accepted score with its outcome, if it has one."""
    scores = accepted_scores().merge(
        true_outcomes(), on=["scoring_id", "model"], how="left", validate="many_to_one"
    )
    scores["metric_date"] = pd.to_datetime(scores["scored_at"].str[:10])
    return scores


def sklearn_log_loss(rows: pd.DataFrame, weight: str | None = None) -> float:
    """scikit-learn's loss of labelled rows of one model."""
    classes = CLASSES[rows["model"].iloc[0]]
    positive = rows["score_1"].to_numpy()
    matrix = (
        np.column_stack([1 - positive, positive])
        if len(classes) == 2
        else rows[SCORES].to_numpy()
    )
    return metrics.log_loss(
        rows["label"].map(classes.index),
        np.clip(matrix, EPSILON, 1 - EPSILON),
        sample_weight=None if weight is None else rows[weight],
        labels=range(len(classes)),
    )


def expected_means(grain: list[str]) -> pd.DataFrame:
    """Counts and losses of every group, as the marts name them."""
    records = []
    for key, rows in evaluated_scores().groupby(grain):
        labeled = rows.dropna(subset=["label"])
        records.append(
            {
                **dict(zip(grain, key, strict=True)),
                "prediction_count": len(rows),
                "labeled_count": len(labeled),
                "mean_log_loss": sklearn_log_loss(labeled) if len(labeled) else np.nan,
                "weighted_log_loss": (
                    sklearn_log_loss(labeled, "amount") if len(labeled) else np.nan
                ),
            }
        )
    means = pd.DataFrame(records)
    return means.rename(columns={"model": "model_name", "version": "model_version"})


def assert_same_rows(
    actual: pd.DataFrame, expected: pd.DataFrame, key: list[str]
) -> None:
    """Both have the same keys and, in the columns of `expected`, the same values."""
    columns = list(expected.columns)
    pd.testing.assert_frame_equal(
        actual[columns].sort_values(key).reset_index(drop=True),
        expected.sort_values(key).reset_index(drop=True),
        check_dtype=False,
        rtol=1e-12,
        atol=0,
    )


# ---------------------------------------------------------------------------------


def test_jobs_build_what_they_need(bank: Bank) -> None:
    """On an empty warehouse, the seeds aside: each finds what it reads."""
    assert len(bank.jobs) == 6
    for job, result in bank.jobs.items():
        assert result.success, (job, messages(result))
        ran = [node for node in result.result if str(node.status) != "skipped"]
        assert ran, job


def test_everything_is_built(bank: Bank) -> None:
    assert bank.build.result.success, messages(bank.build.result)
    statuses = {str(result.status) for result in bank.build.result.result.results}
    assert statuses <= {"success", "pass", "warn", "no-op"}
    names = {node.name for node in bank.build.nodes}
    assert {"ml_quality_board", "assert_every_score_is_accounted_for"} <= names


def test_dbt_warns_of_nothing_but_failed_thresholds(bank: Bank) -> None:
    """No deprecation, no unused setting, no reference that dbt finds odd."""
    warnings = [entry for entry in bank.build.log if entry["level"] == "warn"]
    texts = [f"{entry['name']}: {entry['msg']}" for entry in warnings]
    assert [text for text in texts if "deprecat" in text.lower()] == []
    of_tests = {"LogTestResult", "RunResultWarning", "RunResultWarningMessage"}
    assert [text for text in texts if text.split(":")[0] not in of_tests] == []


def test_nothing_of_the_demo_is_there(bank: Bank) -> None:
    demo = [name for name in bank.tables_after_jobs if "demo" in name]
    assert demo == []
    assert [node.name for node in bank.build.nodes if "demo" in node.name] == []


def test_the_packages_unit_tests_do_not_run(bank: Bank) -> None:
    """dbt runs those of installed packages too, unless the package disables them."""
    of_package = [node for node in bank.build.nodes if node.package_name == "log_loss"]
    assert [n.name for n in of_package if n.resource_type == "unit_test"] == []


def test_the_package_stays_in_the_schema_it_is_given(bank: Bank) -> None:
    of_package = [node for node in bank.build.nodes if node.package_name == "log_loss"]
    names = {node.name for node in of_package}
    elsewhere = [
        name
        for name in bank.tables_after_jobs
        if not name.startswith(PACKAGE_SCHEMA) and name.split(".")[1] in names
    ]
    assert elsewhere == []
    assert f"{PACKAGE_SCHEMA}.log_loss_daily" in bank.tables_after_jobs


def test_daily_losses_are_those_of_scikit_learn(bank: Bank) -> None:
    key = ["model_name", "model_version", "metric_date"]
    expected = expected_means(["model", "version", "metric_date"])
    assert len(expected) > 50
    # the mart also has days on which every row was rejected
    daily = bank.mart("log_loss_daily").query("prediction_count > 0")
    assert_same_rows(daily, expected, key)


def test_cohort_losses_are_those_of_scikit_learn(bank: Bank) -> None:
    key = ["model_name", "model_version", "metric_date", "cohort_value"]
    by_cohort = bank.mart("log_loss_daily_by_cohort").query("prediction_count > 0")
    assert set(by_cohort["cohort_name"]) == set(COHORTS)
    for cohort in COHORTS:
        expected = expected_means(["model", "version", "metric_date", cohort])
        expected = expected.rename(columns={cohort: "cohort_value"})
        assert_same_rows(
            by_cohort.query("cohort_name == @cohort"),
            expected.drop(columns="weighted_log_loss"),
            key,
        )
    assert {"CÔTE D'IVOIRE", "(unknown)"} <= set(by_cohort["cohort_value"])


def test_class_losses_are_those_of_scikit_learn(bank: Bank) -> None:
    """And the labels are spelled as declared, however they arrived."""
    key = ["model_name", "model_version", "metric_date", "label"]
    expected = expected_means(["model", "version", "metric_date", "label"])
    by_class = bank.mart("log_loss_daily_by_class")
    declared = {(name, label) for name, labels in CLASSES.items() for label in labels}
    assert set(zip(by_class["model_name"], by_class["label"])) == declared
    assert_same_rows(
        by_class, expected.drop(columns=["weighted_log_loss", "prediction_count"]), key
    )


def test_coverage_at_an_age_goes_by_the_time_of_loading(bank: Bank) -> None:
    """Three days later the bank knew what had landed by then, decided or not."""
    coverage = bank.mart("log_loss_label_coverage").query("cohort_name == 'all'")
    scores = accepted_scores()
    for day, rows in scores.groupby(pd.to_datetime(scores["scored_at"].str[:10])):
        after = str(day + pd.Timedelta(days=4))
        known = rows[rows["landed_at"] < after].merge(
            true_outcomes(landed_before=after), on=["scoring_id", "model"]
        )
        key = ["model", "version"]
        shares = (known.groupby(key).size() / rows.groupby(key).size()).fillna(0)
        found = coverage.query("metric_date == @day")
        found = found.set_index(["model_name", "model_version"])["coverage_3d"]
        assert found.to_dict() == pytest.approx(shares.to_dict(), rel=1e-12), day


def test_scored_predictions_show_each_request_once(bank: Bank) -> None:
    scored = bank.mart("log_loss_scored_predictions")
    expected = evaluated_scores()
    assert len(scored) == len(expected)
    assert scored["label"].notna().sum() == expected["label"].notna().sum()
    assert {"country", "channel"} <= set(scored.columns)
    impossible = scored.query("request_id == 'h-11'").iloc[0]
    assert impossible["loss"] == pytest.approx(-np.log(EPSILON), rel=1e-12)
    assert impossible["is_clipped"]


def test_hostile_rows_are_named_and_counted(bank: Bank) -> None:
    rejections = bank.mart("log_loss_rejections")
    counts = rejections.groupby(["source", "reason"])["row_count"].sum()
    assert counts.to_dict() == {
        ("predictions", "missing_request_id"): 1,
        ("predictions", "missing_model"): 1,
        ("predictions", "missing_predicted_at"): 1,
        ("predictions", "missing_probability"): 1,
        ("predictions", "probability_out_of_range"): 3,
        ("predictions", "probabilities_do_not_sum_to_one"): 1,
        ("predictions", "invalid_weight"): 1,
        ("predictions", "future_timestamp"): 1,
        ("predictions", "duplicate_prediction"): 1,
        # one outcome, for both versions that scored the request
        ("predictions", "label_before_prediction"): 2,
        ("labels", "missing_request_id"): 1,
        ("labels", "missing_model"): 1,
        ("labels", "missing_labeled_at"): 1,
        ("labels", "unknown_class"): 1,
        ("labels", "duplicate_label"): 1,
        ("labels", "unmatched"): 1,
    }


def test_the_banks_thresholds_and_freezes_are_the_ones_that_count(bank: Bank) -> None:
    status = bank.mart("log_loss_threshold_status").set_index(
        ["rule", "model_name", "model_version", "cohort_value"]
    )["status"]
    assert status["mean_log_loss", "card_fraud", "2.0", "all"] == "ok"
    assert status["cohort_log_loss", "card_fraud", "2.0", "web"] == "warn"
    assert status["mean_log_loss", "repayment", "2024-01", "all"] == "suppressed"
    # a limit of the package's own thresholds would show here
    assert (bank.mart("log_loss_threshold_status")["status"] != "error").all()


def test_a_build_after_the_jobs_changes_nothing(bank: Bank) -> None:
    """Nor does it find anything to build but what the bank has made of the marts."""
    further = bank.tables_after_build.keys() - bank.tables_after_jobs.keys()
    assert further == {"main.ml_loss_recomputed", "main.ml_quality_board"}
    for name, before in bank.tables_after_jobs.items():
        pd.testing.assert_frame_equal(
            bank.tables_after_build[name], before, rtol=1e-12, atol=1e-13, obj=name
        )


def test_the_build_after_the_jobs_is_incremental(bank: Bank) -> None:
    """Otherwise the test above compares two full builds."""
    compiled = {
        node.name: node.compiled_code
        for node in bank.build.nodes
        if node.resource_type == "model"
    }
    assert "touched_requests" in compiled["int_log_loss__ledger"]


def test_the_seed_files_are_what_their_script_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BANK))
    import make_seeds

    make_seeds.main(tmp_path)
    sys.modules.pop("make_seeds")
    for name in ["raw_scoring_log", "raw_outcomes"]:
        written = (tmp_path / f"{name}.csv").read_text()
        assert written == (BANK / "seeds" / f"{name}.csv").read_text(), name


def test_dbt_run_needs_no_seed_of_the_package(user_project: UserProject) -> None:
    prediction = {
        "request_id": "a", "model_name": "m", "model_version": "1",
        "predicted_at": "2024-01-01", "probability": 0.25,
    }  # fmt: skip
    label = {
        "request_id": "a", "model_name": "m", "label": "1", "labeled_at": "2024-01-02"
    }  # fmt: skip
    user_project.load("predictions", pd.DataFrame([prediction]), PREDICTION_COLUMNS)
    user_project.load("labels", pd.DataFrame([label]), LABEL_COLUMNS)
    user_project.is_parsed_anew = True
    user_project.run("--select", "+log_loss_daily")
    manifest = json.loads((user_project.target_path / "manifest.json").read_text())
    kinds = {node["resource_type"] for node in manifest["nodes"].values()}
    assert "model" in kinds and "seed" not in kinds
    assert user_project.mart("log_loss_daily")["labeled_count"].tolist() == [1]
