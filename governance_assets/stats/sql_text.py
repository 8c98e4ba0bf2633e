"""Names and values as SQL text.

Belongs here: quoting that holds for any relation. Does not belong here: a query, which knows what its rows mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def quoted(identifier: str) -> str:
    """An identifier.

    >>> quoted('the "first" name')
    '"the ""first"" name"'
    """
    return '"' + identifier.replace('"', '""') + '"'


def quoted_names(identifiers: Sequence[str], relation: str = "") -> str:
    """Identifiers, of ``relation`` when one is named, separated by commas.

    >>> quoted_names(["a", "b"], "r")
    'r."a", r."b"'
    """
    prefix = f"{relation}." if relation else ""
    return ", ".join(prefix + quoted(identifier) for identifier in identifiers)


def literal(text: str) -> str:
    """A text.

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def doubles(numbers: Sequence[float]) -> str:
    """A list of numbers of type DOUBLE; without the cast 0.1 is a DECIMAL.

    >>> doubles([0.1, 2.0])
    '[0.1::DOUBLE, 2.0::DOUBLE]'
    """
    return "[" + ", ".join(f"{number!r}::DOUBLE" for number in numbers) + "]"


def are_among(filters: Mapping[str, Sequence[str]], columns: Mapping[str, str]) -> str:
    """A condition: every column of ``filters`` has one of its values; a column that is not there matches nothing.

    ``columns`` holds, for each column that is there, SQL that gives it as text.

    >>> are_among({"place": ["north", "south"], "age": ["old"]}, {"place": "f.place"})
    "f.place IN ('north', 'south') AND false"
    """
    tests = [
        f"{columns[column]} IN ({', '.join(map(literal, values)) or 'NULL'})" if column in columns else "false"
        for column, values in filters.items()
    ]
    return " AND ".join(tests) or "true"
