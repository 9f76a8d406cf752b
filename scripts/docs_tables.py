"""Write the tables of rules in the README and the runbooks (`make docs-tables`).

The rules are data in macros/internal/rules.sql; these tables say the same, and a test
fails where they do not.
"""

from __future__ import annotations

import re
from pathlib import Path

from jinja2 import Environment

ROOT = Path(__file__).parents[1]
RULES = ROOT / "macros/internal/rules.sql"
README = ROOT / "README.md"
RUNBOOKS = ROOT / "docs/runbooks"
START, END = "<!-- rules: written by `make docs-tables` -->", "<!-- end of rules -->"
GRAINS = {
    "version": "model version",
    "cohort": "cohort of a version",
    "label": "label of a version",
    "feature": "feature of a version",
}


def rules() -> list[dict]:
    """What `threshold_rules()` returns, without dbt."""
    returned = []
    environment = Environment(extensions=["jinja2.ext.do"])
    template = environment.from_string(
        RULES.read_text(), globals={"return": returned.append, "adapter": None}
    )
    template.module.threshold_rules()
    return returned[0]


def limits(rule: dict) -> str:
    """The default limits, as a reader of a table wants them."""
    found = [
        f"{word} {limit if limit[0].isdigit() else f'`{limit}`'}"
        for word, limit in [("warns", rule.get("warn_at")), ("error", rule.get("error_at"))]
        if limit
    ]
    return ", ".join(found) or "none"


def bad_when(rule: dict) -> str:
    if rule.get("is_two_sided"):
        return "its size is above"
    return rule.get("bad_side", "above")


def severity(rule: dict) -> str:
    return "page" if rule.get("may_page") else "ticket"


def table(*rows: tuple[str, ...]) -> str:
    first, *others = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([first, "|---" * len(rows[0]) + "|", *others])


def readme_table() -> str:
    return table(
        ("rule", "value", "unit", "bad when", "default limits", "days evaluated"),
        *(
            (
                f"`{rule['name']}`",
                rule["value"],
                rule["unit"],
                bad_when(rule),
                limits(rule),
                rule["days"],
            )
            for rule in rules()
        ),
    )


def index_table() -> str:
    return table(
        ("rule", "an error is a", "fires when"),
        *(
            (f"[`{rule['name']}`]({rule['name']}.md)", severity(rule), rule["alarm"])
            for rule in rules()
        ),
    )


def fact_table(rule: dict) -> str:
    windows = "two windows in a row" if rule.get("needs_two_windows") else "one window"
    return table(
        ("fact", "value"),
        ("measures", rule["value"]),
        ("unit", rule["unit"]),
        ("one value for each", GRAINS[rule["grain"]]),
        ("days evaluated", rule["days"]),
        ("bad when", bad_when(rule)),
        ("default limits", limits(rule)),
        ("found in", windows),
        ("an error is a", severity(rule)),
    )


def filled(path: Path, written: str) -> str:
    """The text of a page with its table anew; stops where there is no place for it."""
    name = path.relative_to(ROOT)
    if not path.exists():
        raise SystemExit(f"{name} is missing: write it in the shape of the other pages")
    text = path.read_text()
    if not text.count(START) == text.count(END) == 1:
        raise SystemExit(f"{name} needs these two lines, once:\n{START}\n{END}")
    place = re.compile(re.escape(START) + ".*?" + re.escape(END), re.DOTALL)
    return place.sub(lambda _: f"{START}\n{written}\n{END}", text)


def pages() -> dict[Path, str]:
    """Each page with a table of rules, as it should be."""
    tables = {README: readme_table(), RUNBOOKS / "README.md": index_table()}
    tables |= {RUNBOOKS / f"{rule['name']}.md": fact_table(rule) for rule in rules()}
    return {path: filled(path, text) for path, text in tables.items()}


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
