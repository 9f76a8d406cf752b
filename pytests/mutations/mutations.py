"""Small breaks of the package, each with the test that must catch it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Mutation:
    """A text that stands once in a file, and what is put in its place."""

    name: str
    file: str
    old: str
    new: str
    test: str

    def apply(self, root: Path) -> None:
        path = root / self.file
        text = path.read_text()
        assert text.count(self.old) == 1, f"{self.name}: {self.file} has it not once"
        path.write_text(text.replace(self.old, self.new))


MUTATIONS: list[Mutation] = []
