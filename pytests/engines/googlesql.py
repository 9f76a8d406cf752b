"""Reads {tables, queries} from standard input, prints what GoogleSQL says against them.

Runs in an environment of its own (requirements/googlesql.txt). Each query's columns are
a table to the ones after it.
"""

import json
import re
import sys

from google.protobuf.message import DecodeError
from zetasql.api import Analyzer, CatalogBuilder, TableBuilder
from zetasql.core.exceptions import ZetaSQLError
from zetasql.types import (
    AnalyzerOptions,
    LanguageOptions,
    TypeKind,
    ZetaSQLBuiltinFunctionOptions,
)

# BigQuery's names for types that the analyzer knows by another
ALIASES = {"bigint": "int64", "integer": "int64", "int": "int64", "decimal": "numeric"}


def translated(sql: str) -> str:
    for alias, name in ALIASES.items():
        sql = re.sub(rf"(?i)\bas\s+{alias}\b", f"as {name}", sql)
    # a table's parts are quoted one by one; the catalog here has one part
    return re.sub(r"`[^`.]+`\.`([^`.]+)`\.`([^`.]+)`", r"`\1_\2`", sql)


def main() -> None:
    asked = json.load(sys.stdin)
    features = LanguageOptions.maximum_features()
    tables = {
        name: [(column, getattr(TypeKind, f"TYPE_{type_.upper()}")) for column, type_ in columns]
        for name, columns in asked["tables"].items()
    }
    found = {}
    for query in asked["queries"]:
        catalog = CatalogBuilder("conformance").with_builtin_functions(
            ZetaSQLBuiltinFunctionOptions(language_options=features)
        )
        for name, columns in tables.items():
            table = TableBuilder(name)
            for column, kind in columns:
                table.add_column(column, kind)
            catalog.add_table(table.build())
        analyzer = Analyzer(AnalyzerOptions(language_options=features), catalog.build())
        try:
            statement = analyzer.analyze_statement(translated(query["sql"]))
        # the second: an expression nested deeper than the answer may be
        except (ZetaSQLError, DecodeError) as error:
            found[query["name"]] = str(error)
            continue
        tables[query["table"]] = [
            (column.name, column.column.type.type_kind)
            for column in statement.output_column_list
        ]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
