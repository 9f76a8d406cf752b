"""The runbooks: a page per rule, all of one shape, and queries that run on the whole_demo."""

from __future__ import annotations

import re

import pytest

from harness import REPOSITORY, UserProject
from test_oracle_demo import whole_demo  # noqa: F401 - fixture

PAGES = REPOSITORY / "docs" / "runbooks"
INDEX = PAGES / "README.md"
DIAGNOSIS = REPOSITORY / "docs" / "diagnosis.md"
RULES_MACRO = REPOSITORY / "macros" / "internal" / "rules.sql"

HEADINGS = [
    "What it means",
    "First queries",
    "Likely causes",
    "What to do",
    "How to silence it",
]


def macro_rules() -> list[str]:
    """As `threshold_rules()` lists them."""
    entry = r"^\s*\('(\w+)', '(?:above|below)', '\w+', (?:true|false)\),$"
    return re.findall(entry, RULES_MACRO.read_text(), re.MULTILINE)


def paging_rules() -> set[str]:
    """Those whose errors wake somebody."""
    [listed] = re.findall(r"'may_page': rule in \[(.*?)\]", RULES_MACRO.read_text(), re.S)
    return set(re.findall(r"'(\w+)'", listed))


def index() -> dict[str, str]:
    """What the index says of each rule: `page` or `ticket`."""
    row = r"^\| \[`(\w+)`\]\(\1\.md\) \| (page|ticket) \| .+ \|$"
    return dict(re.findall(row, INDEX.read_text(), re.MULTILINE))


def text_of(rule: str) -> str:
    return (PAGES / f"{rule}.md").read_text()


def queries_of(rule: str) -> list[str]:
    return re.findall(r"^```sql\n(.*?)^```$", text_of(rule), re.MULTILINE | re.DOTALL)


RULES = macro_rules()


def test_every_rule_has_a_page_and_every_page_a_rule() -> None:
    assert set(macro_rules()) == set(RULES)
    pages = {path.name for path in PAGES.iterdir()} - {INDEX.name}
    assert pages == {f"{rule}.md" for rule in RULES}
    assert set(index()) == set(RULES)


def test_pages_wake_somebody_where_the_macro_does() -> None:
    paging = {rule for rule, severity in index().items() if severity == "page"}
    assert paging and paging == paging_rules()


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
    whole_demo: UserProject,  # noqa: F811
    rule: str,
) -> None:
    counts = [rows_of(whole_demo, sql) for sql in queries_of(rule)]
    assert any(counts), "no query of the page returns a row"


def test_queries_of_the_diagnosis_run_on_the_demo(
    whole_demo: UserProject,  # noqa: F811
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
    assert relations - steps <= {path.stem for path in (REPOSITORY / "models/marts").rglob("*.sql")}
    qualified = re.sub(
        r"\b(from|join) (log_loss_)", rf"\1 {project.schema}.\2", sql
    )
    return len(project.rows(qualified))
