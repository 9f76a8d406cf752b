"""What a build prints of its findings: a line each, once, with fields in one order."""

from __future__ import annotations

import pickle
import re
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from dbt.cli.main import dbtRunner
from scipy import stats

from harness import (
    LABEL_COLUMNS,
    NO_DIAGNOSIS,
    PREDICTION_COLUMNS,
    UserProject,
    copied,
    scratch_project,
)

FIELDS = "rule model version cohort label value evaluated limit since as_of see".split()
DAYS = 10
# of one model every fourth prediction is none; the canary of another has few rows
DEPLOYMENTS = """
select 'tried' as model_name, 'v2' as model_version, 'canary' as role,
    cast('2026-01-01' as timestamp) as deployed_at,
    cast(null as timestamp) as retired_at, '' as note
union all
select 'tried', 'v1', 'serving', cast('2025-12-01' as timestamp), null, ''
"""

LIMITS = """
select 'mean_log_loss' as rule, 'bad' as model_name, '*' as cohort_name,
    '*' as cohort_value, '*' as label, null as warn_at, 0.1 as error_at,
    0 as min_labeled_count, 0 as min_coverage
"""


def load(project: UserProject) -> None:
    predictions, labels = [], []
    versions = [("bad", "v1", 40), ("tried", "v1", 8), ("tried", "v2", 8)]
    for model, version, count in versions:
        for day in range(DAYS):
            for number in range(count):
                at = datetime(2026, 1, 1, 9) + timedelta(day)
                request = f"{model}-{version}-{day}-{number}"
                is_broken = model == "bad" and number % 4 == 0
                predictions.append(
                    {
                        "request_id": request,
                        "model_name": model,
                        "model_version": version,
                        "predicted_at": at,
                        "probability": 7.0 if is_broken else 0.4,
                    }
                )
                labels.append(
                    {
                        "request_id": request,
                        "model_name": model,
                        "label": str(number % 2),
                        "labeled_at": at,
                    }
                )
    project.load_rows("predictions", predictions, PREDICTION_COLUMNS)
    project.load_rows("labels", labels, LABEL_COLUMNS)


def printed(project: UserProject, *arguments: str) -> list[str]:
    """The lines of the package that a command logs."""
    lines = []

    def keep(event: object) -> None:
        if event.info.msg.startswith("log_loss "):
            lines.append(event.info.msg)

    parsed = project._parsed()
    assert parsed is not None
    project._invoke(dbtRunner(pickle.loads(parsed), callbacks=[keep]), *arguments)
    return lines


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> UserProject:
    project = scratch_project(
        tmp_path_factory.mktemp("messages"),
        {"models/deployed.sql": DEPLOYMENTS, "models/limits.sql": LIMITS},
    )
    load(project)
    project.run("--exclude", "tag:log_loss_diagnosis")
    return project


def test_a_finding_is_told_once(project: UserProject) -> None:
    lines = printed(project, "test", "--select", "tag:log_loss_gate")
    findings = [line for line in lines if not line.startswith("log_loss canary")]
    rejected = [line for line in findings if "rule=rejected_share model=bad " in line]
    assert len(rejected) == 1
    assert rejected[0] == (
        "log_loss error rule=rejected_share model=bad version=v1 cohort=all label=all"
        " value=0.25 evaluated=0.25 limit=0.05 since=2026-01-01 as_of=2026-01-10"
        " see=docs/runbooks/rejected_share.md"
    )
    for line in findings:
        assert re.findall(r" (\w+)=", line) == FIELDS, line


def test_a_finding_says_what_was_compared(
    project: UserProject, tmp_path: Path
) -> None:
    """The lower end of the interval of seven days of 30 rows, 20 of them positive."""
    limited = copied(project, tmp_path / "limited")
    limited.variables = {"log_loss_thresholds": "user_project.limits"}
    limited.run("--select", "limits", "stg_log_loss__thresholds+", *NO_DIAGNOSIS)
    lines = printed(limited, "test", "--select", "assert_no_threshold_errors")
    losses = -np.log(np.repeat([0.4, 0.6], [7 * 20, 7 * 10]))
    mean, error = losses.mean(), losses.std(ddof=1) / np.sqrt(len(losses))
    lower = mean * np.exp(-stats.norm.ppf(0.975) * error / mean)
    assert lines == [
        "log_loss error rule=mean_log_loss model=bad version=v1 cohort=all label=all"
        f" value={mean:.4g} evaluated={lower:.4g} limit=0.1 since=2026-01-01"
        " as_of=2026-01-10 see=docs/runbooks/mean_log_loss.md"
    ]


def test_alerts_can_be_the_gates_instead(project: UserProject) -> None:
    project.variables = {"log_loss_gates": "alerts"}
    lines = printed(project, "test", "--select", "tag:log_loss_gate")
    project.variables = {}
    rejected = [line for line in lines if "rule=rejected_share model=bad " in line]
    assert len(rejected) == 1
    assert rejected[0].startswith("log_loss ticket rule=rejected_share model=bad ")
    assert " value=0.25 evaluated=0.25 limit=0.05 " in rejected[0]


def test_other_gates_are_refused(project: UserProject) -> None:
    """A word that names none would be a build without gates."""
    project.variables = {"log_loss_gates": "none"}
    result = project.invoke("run", "--select", "stg_log_loss__predictions")
    project.variables = {}
    assert not result.success


def test_misspelt_gates_leave_those_of_thresholds(project: UserProject) -> None:
    """A job that runs tests alone builds no model that could refuse the word."""
    project.variables = {"log_loss_gates": "alert"}
    listed = project.invoke("ls", "--select", "tag:log_loss_gate").result
    project.variables = {}
    names = {name.rsplit(".", 1)[-1] for name in listed}
    assert {"assert_no_threshold_errors", "assert_no_threshold_warnings"} <= names


def test_without_a_canary_the_gate_says_so(project: UserProject) -> None:
    gate = ("test", "--select", "assert_no_canary_rollback")
    assert printed(project, *gate) == ["log_loss canary: no canary known"]


def test_the_decision_about_each_canary_is_told(project: UserProject) -> None:
    project.variables = {"log_loss_deployments": "user_project.deployed"}
    project.run("--select", "deployed", "+log_loss_version_comparison")
    lines = printed(project, "test", "--select", "assert_no_canary_rollback")
    project.variables = {}
    [line] = lines
    assert line.startswith(
        "log_loss canary model=tried version=v2 serving=v1 method=stratified"
        " decision=keep_collecting difference="
    )
    fields = re.findall(r" (\w+)=", line)
    assert fields[-4:] == ["half_width", "labels_still_needed", "last_look", "as_of"]
    assert line.endswith(" as_of=2026-01-10")
