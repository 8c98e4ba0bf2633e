"""Somebody's own query, answered from copies: it cannot reach the store, a file, the network or a setting.

Belongs here: the isolation. Does not belong here: which rows a table has (``runtime/history.py``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import duckdb
import pyarrow as pa

from governance_assets.runtime.commit_lock import HistoryError


class QueryError(HistoryError):
    """A query that is not one reading statement, or that DuckDB cannot answer."""


def answer(query: str, schemas: Mapping[str, pa.Schema], rows_of: Callable[[str], pa.Table]) -> pa.Table:
    """Run ``query`` over tables named as in ``schemas``; only those that its text mentions are fetched by ``rows_of``.

    The database is a private one in memory without extensions, files, network and Python variables, and with its settings locked.
    Raises QueryError when ``query`` is anything but one SELECT (or FROM, WITH, VALUES, DESCRIBE, SUMMARIZE, SHOW).
    """
    with duckdb.connect(
        config={
            "enable_external_access": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
        }
    ) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        try:
            _refuse_all_but_one_select(connection, query)
            for name, schema in schemas.items():
                rows = rows_of(name) if _mentions(query, name) else schema.empty_table()
                connection.register(name, rows)
            connection.execute("SET lock_configuration = true")
            return connection.execute(query).to_arrow_table()
        except duckdb.Error as error:
            raise QueryError(f"the query cannot be answered: {error}") from error


def _refuse_all_but_one_select(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    statements = connection.extract_statements(query)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        kinds = ", ".join(str(statement.type).rsplit(".", 1)[-1] for statement in statements) or "nothing"
        raise QueryError(f"found {kinds}, expected one SELECT; the history is read-only here and takes one query at a time")


def _mentions(query: str, name: str) -> bool:
    # query() and query_table() take table names as text that may be put together: then every table counts as mentioned.
    return name.lower() in query.lower() or re.search(r"query(_table)?\W*\(", query, re.IGNORECASE) is not None
