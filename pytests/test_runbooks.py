"""The runbooks: a page per rule, all of one shape, and queries that run on the whole_demo."""

from __future__ import annotations

import re

import pytest

import docs_tables
from harness import REPOSITORY, UserProject

PAGES = REPOSITORY / "docs" / "runbooks"
DIAGNOSIS = REPOSITORY / "docs" / "diagnosis.md"

HEADINGS = [
    "What it means",
    "First queries",
    "Likely causes",
    "What to do",
    "How to silence it",
]


def text_of(rule: str) -> str:
    return (PAGES / f"{rule}.md").read_text()


def queries_of(rule: str) -> list[str]:
    return re.findall(r"^```sql\n(.*?)^```$", text_of(rule), re.MULTILINE | re.DOTALL)


RULES = [rule["name"] for rule in docs_tables.rules()]


def test_every_rule_has_a_page_and_every_page_a_rule() -> None:
    pages = {path.name for path in PAGES.iterdir()} - {"README.md"}
    assert pages == {f"{rule}.md" for rule in RULES}
    assert len(RULES) == len(set(RULES))


def test_tables_of_rules_are_those_of_the_package() -> None:
    for path, text in docs_tables.pages().items():
        assert path.read_text() == text, f"{path.name}: run `make docs-tables`"


def test_the_rules_that_the_docs_name_are_the_ones_that_dbt_sees(
    whole_demo: UserProject,
) -> None:
    seen = whole_demo.rows("select distinct rule from int_log_loss__rule_statuses")
    assert {row["rule"] for row in seen} <= set(RULES)
    names = whole_demo.rows("select distinct rule from log_loss_default_thresholds")
    assert {row["rule"] for row in names} == {
        rule["name"]
        for rule in docs_tables.rules()
        if docs_tables.limits(rule) != "none"
    }


@pytest.mark.parametrize("rule", RULES)
def test_page_has_the_common_shape(rule: str) -> None:
    lines = text_of(rule).splitlines()
    assert [line for line in lines if line.startswith("#")] == [
        f"# {rule}",
        *(f"## {heading}" for heading in HEADINGS),
    ]
    assert [line for line in lines if len(line) > 88] == []
    assert len(queries_of(rule)) == 3
    assert text_of(rule).count("```") == 6, "a code block that is not SQL"
    queries = text_of(rule).partition("## First queries")[2].partition("\n## ")[0]
    assert queries.count("```sql") == 3, "a query elsewhere"


@pytest.mark.parametrize("rule", RULES)
def test_queries_run_on_the_demo(
    whole_demo: UserProject,
    rule: str,
) -> None:
    counts = [rows_of(whole_demo, sql) for sql in queries_of(rule)]
    assert any(counts), "no query of the page returns a row"


def test_queries_of_the_diagnosis_run_on_the_demo(
    whole_demo: UserProject,
) -> None:
    blocks = re.findall(r"^```sql\n(.*?)^```$", DIAGNOSIS.read_text(), re.M | re.S)
    queries = [sql for sql in blocks if "{{" not in sql]
    assert len(queries) >= 6
    for sql in queries:
        assert rows_of(whole_demo, sql) > 0, sql


def rows_of(project: UserProject, sql: str) -> int:
    """How many rows a query of a page returns, which names marts alone."""
    relations = set(re.findall(r"\b(?:from|join) (\w+)", sql))
    assert relations
    steps = set(re.findall(r"^(\w+) as \($", sql, re.MULTILINE))
    marts = {path.stem for path in (REPOSITORY / "models/marts").rglob("*.sql")}
    assert relations - steps <= marts
    qualified = re.sub(
        r"\b(from|join) (log_loss_)", rf"\1 {project.schema}.\2", sql
    )
    return len(project.rows(qualified))
