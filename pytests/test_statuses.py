"""A status of the past is what it was then."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import UserProject, copied
from oracle import Oracle
from oracle_decisions import as_of_dates

KEY = "rule model_name model_version cohort_name cohort_value label".split()


@pytest.mark.parametrize("weeks_ago", [2, 5, 9])
def test_later_rows_do_not_change_a_verdict(
    whole_demo: UserProject,
    oracle: Oracle,
    weeks_ago: int,
    tmp_path: Path,
) -> None:
    day = as_of_dates(oracle, 10)[weeks_ago]

    def statuses(project: UserProject) -> dict[tuple, dict]:
        rows = project.rows(
            "select * from main.int_log_loss__rule_statuses"
            # looked for on the as-of date alone
            f" where as_of_date = date '{day}' and rule <> 'non_finite_count'"
        )
        return {tuple(row[name] for name in KEY): row for row in rows}

    copy = copied(whole_demo, tmp_path)
    copy.variables["log_loss_as_of_date"] = day.isoformat()
    copy.run("--select", "int_log_loss__clock+,+int_log_loss__rule_statuses")
    now, then = statuses(whole_demo), statuses(copy)
    assert now.keys() == then.keys()
    assert len(now) > 10
    for key, row in now.items():
        for name, value in row.items():
            if isinstance(value, float):
                assert then[key][name] == pytest.approx(value, rel=1e-9), (key, name)
            else:
                assert then[key][name] == value, (key, name)
