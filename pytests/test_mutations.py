"""The breaks in mutations/ still apply; its run.py sees whether they are caught."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutations import MUTATIONS, ROOT, Mutation


def named(mutation: Mutation) -> str:
    return mutation.name.replace(" ", "_")


@pytest.mark.parametrize("mutation", MUTATIONS, ids=named)
def test_a_break_applies(mutation: Mutation) -> None:
    text = (ROOT / mutation.file).read_text()
    assert text.count(mutation.old) == 1
    assert mutation.old != mutation.new


@pytest.mark.parametrize("mutation", MUTATIONS, ids=named)
def test_its_test_is_there(mutation: Mutation) -> None:
    path, _, node = mutation.test.split()[0].partition("::")
    text = (ROOT / path).read_text()
    name, _, parameter = node.partition("[")
    assert not node or f"def {name}(" in text
    if name == "test_the_unit_tests_of":
        [_] = ROOT.glob(f"models/**/{parameter.rstrip(']')}.unit_tests.yml")


def test_names_are_unique() -> None:
    names = [mutation.name for mutation in MUTATIONS]
    assert len(names) == len(set(names))


def test_there_are_enough() -> None:
    assert len(MUTATIONS) >= 40
