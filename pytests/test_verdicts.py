"""A verdict of the past is what the status said then."""

from __future__ import annotations

import pytest

from harness import NO_DIAGNOSIS, UserProject
from oracle import Oracle
from oracle_decisions import evaluation_dates
from test_oracle_demo import oracle, whole_demo  # noqa: F401 - fixtures

KEY = "rule model_name model_version cohort_name cohort_value label".split()


@pytest.mark.parametrize("weeks_ago", [2, 5, 9])
def test_later_rows_do_not_change_a_verdict(
    whole_demo: UserProject,  # noqa: F811
    oracle: Oracle,  # noqa: F811
    weeks_ago: int,
) -> None:
    day = evaluation_dates(oracle, 10)[weeks_ago]

    def verdicts() -> dict[tuple, dict]:
        rows = whole_demo.rows(
            "select * from main.int_log_loss__verdicts"
            # looked for on the as-of date alone
            f" where evaluation_date = date '{day}' and rule <> 'non_finite_count'"
        )
        return {tuple(row[name] for name in KEY): row for row in rows}

    now = verdicts()
    settings = whole_demo.variables
    whole_demo.variables = {**settings, "log_loss_as_of_date": day.isoformat()}
    try:
        whole_demo.run("--select", "int_log_loss__clock+", *NO_DIAGNOSIS)
        then = verdicts()
    finally:
        whole_demo.variables = settings
        whole_demo.run("--select", "int_log_loss__clock+", *NO_DIAGNOSIS)
    assert now.keys() == then.keys()
    assert len(now) > 10
    for key, row in now.items():
        for name, value in row.items():
            if isinstance(value, float):
                assert then[key][name] == pytest.approx(value, rel=1e-9), (key, name)
            else:
                assert then[key][name] == value, (key, name)
