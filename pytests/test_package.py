"""The package as its own root project: the demo builds, and everything is described."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

import docs_tables
from harness import copy_database, messages

ROOT = Path(__file__).parents[1]


class Demo:
    """The demo's database, built by the commands of the Makefile."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "demo.duckdb"
        self.target = directory / "target"

    def invoke(self, *arguments: str, manifest: Manifest | None = None):
        os.environ["LOG_LOSS_DUCKDB_PATH"] = str(self.path)
        # with the tests of what is between inputs and marts
        os.environ["LOG_LOSS_DEVELOPMENT"] = "1"
        return dbtRunner(manifest).invoke(
            ["--no-use-colors", "--quiet", *arguments]
            + ["--project-dir", str(ROOT), "--profiles-dir", str(ROOT / "profiles")]
            + ["--target-path", str(self.target), "--log-path", str(self.target)]
        )

    def tables(self) -> dict[str, pd.DataFrame]:
        """Every relation of the package, in an order that does not depend on storage."""
        with duckdb.connect(str(self.path)) as connection:
            names = [row[0] for row in connection.execute("show tables").fetchall()]
            return {
                name: connection.execute(f"from {name} order by all").df()
                for name in names
                if not name.startswith("demo_")
            }


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("demo"))
    # unit tests are run by test_unit_tests.py
    result = demo.invoke("build", "--exclude-resource-type", "unit_test")
    assert result.success, messages(result)
    yield demo
    del os.environ["LOG_LOSS_DEVELOPMENT"]


@pytest.fixture(scope="module")
def manifest(demo: Demo) -> dict:
    result = demo.invoke("docs", "generate")
    assert result.success, messages(result)
    return json.loads((demo.target / "manifest.json").read_text())


def test_the_demo_builds_without_a_warning(demo: Demo) -> None:
    log = (demo.target / "dbt.log").read_text()
    warned = [line for line in log.splitlines() if re.search(r"\[warn *\]", line)]
    assert not warned
    assert "deprecat" not in log.lower()


def test_a_second_run_changes_nothing(demo: Demo) -> None:
    before = demo.tables()
    result = demo.invoke("run")
    assert result.success, messages(result)
    after = demo.tables()
    assert before.keys() == after.keys()
    for name, rows in before.items():
        if name == "int_log_loss__ledger":
            # a run adds a marker to each partition it replaces
            rows = rows[rows.grain != "marker"].reset_index(drop=True)
            again = after[name][after[name].grain != "marker"].reset_index(drop=True)
        else:
            again = after[name]
        pd.testing.assert_frame_equal(rows, again, check_exact=False, rtol=1e-12)


def test_the_demo_shows_every_rejection(demo: Demo) -> None:
    seen = set(demo.tables()["log_loss_rejections"].reason)
    yaml = (ROOT / "models/marts/labels/log_loss_rejections.yml").read_text()
    for reason in (
        "missing_request_id missing_model missing_predicted_at missing_probability "
        "probability_out_of_range probabilities_do_not_sum_to_one invalid_weight "
        "future_timestamp duplicate_prediction missing_labeled_at unknown_class "
        "duplicate_label unmatched label_before_prediction"
    ).split():
        assert reason in seen, reason
        assert reason in yaml, f"{reason} is not documented"


def test_the_demo_judges_every_rule(demo: Demo) -> None:
    """Somewhere in its history each rule has a value and limits."""
    statuses = demo.tables()["int_log_loss__rule_statuses"]
    judged = set(statuses[statuses["value"].notna()]["rule"])
    assert judged == {rule["name"] for rule in docs_tables.rules()}


def test_the_summer_rise_is_in_the_history_not_in_todays_verdict(
    demo: Demo, tmp_path: Path
) -> None:
    """As of early July the same rows are beyond their limits; today they are not."""
    status = demo.tables()["log_loss_threshold_status"]
    assert not status.status.isin(["error"]).any()
    parsed = demo.invoke("parse").result
    copy = Demo(tmp_path)
    copy_database(demo.path, copy.path)
    result = copy.invoke(
        "run",
        "--select",
        "int_log_loss__clock+,+log_loss_threshold_status",
        "--vars",
        "{log_loss_as_of_date: 2013-07-03}",
        manifest=parsed,
    )
    assert result.success, messages(result)
    july = copy.tables()["log_loss_threshold_status"]
    means = july[july.rule == "mean_log_loss"]
    assert len(means) == 4, "two versions of two models"
    assert means.status.isin(["warn", "error"]).all()


def test_everything_public_is_described(demo: Demo, manifest: dict) -> None:
    catalog = json.loads((demo.target / "catalog.json").read_text())["nodes"]
    bare = []
    for key, node in manifest["nodes"].items():
        if node["resource_type"] not in ("model", "seed"):
            continue
        described = {
            name.lower(): column["description"]
            for name, column in node["columns"].items()
        }
        bare += [] if node["description"] else [key]
        # of a step on the way, what its columns are is said where a mart shows them
        if node["path"].startswith("intermediate/"):
            continue
        bare += [
            f"{key}.{column}"
            for column in catalog[key]["columns"]
            if not described.get(column.lower())
        ]
    for key, macro in manifest["macros"].items():
        name = macro["name"]
        if not is_public(macro):
            continue
        bare += [] if macro["description"] else [key]
        signature = re.search(
            rf"{{%-? *(?:macro|test) +{name.removeprefix('test_')}\((.*?)\) *-?%}}",
            macro["macro_sql"],
            re.DOTALL,
        )
        described = {a["name"] for a in macro["arguments"] if a["description"]}
        arguments = re.findall(r"(\w+)(?: *=[^,]*)?(?:,|$)", signature[1].strip())
        bare += [f"{key}({a})" for a in arguments if a not in described | {"model"}]
    assert not bare


def is_public(macro: dict) -> bool:
    """What users call or override."""
    name, path = macro["name"], macro["original_file_path"]
    return (
        macro["package_name"] == "log_loss"
        and not path.startswith("macros/internal/")
        and not name.startswith("_")
        and "__" not in name
    )


def test_public_macros_dispatch(manifest: dict) -> None:
    for macro in manifest["macros"].values():
        name = macro["name"]
        if is_public(macro) and not name.startswith("test_"):
            assert f"adapter.dispatch('{name}', 'log_loss')" in macro["macro_sql"], name


def test_models_do_not_branch_on_the_engine() -> None:
    for path in [*ROOT.glob("models/**/*.sql"), *ROOT.glob("tests/*.sql")]:
        assert not re.search(r"target\.(type|name)", path.read_text()), path


def test_every_figure_is_a_double(demo: Demo) -> None:
    demo.tables()
    with duckdb.connect(str(demo.path)) as connection:
        narrow = connection.execute(
            "select table_name, column_name, data_type "
            "from information_schema.columns "
            "where data_type in ('FLOAT', 'REAL') or data_type like 'DECIMAL%'"
        ).fetchall()
    assert not narrow
