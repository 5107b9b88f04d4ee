"""SQL over the journals of runs, with DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runs.failures import UsageError
from runs.journal_reading import NAME, journals_in

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_LONE = r"\\ud[89a-f][0-9a-f]{2}"
"""Halves of characters, which bytes of files can be, and which DuckDB's JSON refuses."""
_EVENTS = """
CREATE VIEW lines AS SELECT filename, CASE WHEN json_valid(line) THEN line
  ELSE regexp_replace(line, '{lone}', '?', 'g') END AS line
FROM read_csv({files}, columns = {{line: 'VARCHAR'}}, header = false, filename = true, delim = '\x01',
  quote = '', escape = '', auto_detect = false, max_line_size = 1073741824, null_padding = false);
CREATE VIEW events AS SELECT
  split_part(filename, '/', -3) AS run, split_part(filename, '/', -2) AS issue,
  (line->>'$.seq')::INTEGER AS seq, (line->>'$.at')::TIMESTAMPTZ AS time, line->>'$.kind' AS kind,
  (line::JSON)->'$.data' AS data
FROM lines WHERE json_valid(line)
"""
_VIEWS = """
CREATE VIEW replies AS SELECT run, issue, time,
  (data->>'$.sample')::INTEGER AS sample, (data->>'$.turn')::INTEGER AS turn,
  data->>'$.reply.model' AS model, (data->>'$.reply.usage.input')::BIGINT AS input,
  (data->>'$.reply.usage.cached_input')::BIGINT AS cached, (data->>'$.reply.usage.output')::BIGINT AS output,
  (data->>'$.reply.cost')::DOUBLE AS dollars, (data->>'$.reply.seconds')::DOUBLE AS seconds
FROM events WHERE kind LIKE '%reply';
CREATE VIEW trajectories AS SELECT run, issue, (data->>'$.sample')::INTEGER AS sample,
  data->>'$.trajectory.exit_reason' AS exit_reason, data->>'$.trajectory.model' AS model,
  (data->>'$.trajectory.seconds')::DOUBLE AS seconds, (data->>'$.trajectory.cost')::DOUBLE AS dollars
FROM events WHERE kind = 'trajectory';
CREATE VIEW decisions AS SELECT run, issue, data->>'$.winner' AS winner, data->>'$.rule' AS rule,
  data->>'$.reason' AS reason, (data->>'$.probability')::DOUBLE AS probability
FROM events WHERE kind = 'decision';
CREATE VIEW grades AS SELECT run, issue, data->>'$.status' AS status FROM events WHERE kind = 'grade';
"""
TABLES = "events, replies, trajectories, decisions, grades"


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a query, and the names of their columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def query(sql: str, folders: Sequence[Path]) -> Answer:
    """Return what a query says of the journals in folders; a run that goes on is not disturbed.

    Raises:
        UsageError: DuckDB is not installed, there is no journal, or the query is wrong.
    """
    try:
        import duckdb
    except ImportError as error:
        raise UsageError('queries need DuckDB: pip install "mangabey[query]"') from error
    files = [str(place.absolute() / NAME) for folder in folders for place in journals_in(folder)]
    with duckdb.connect() as database:
        _make_views(database, files)
        try:
            found = database.execute(sql)
            columns = tuple(column[0] for column in found.description or ())
            return Answer(columns, tuple(found.fetchall()) if columns else ())
        except duckdb.Error as error:
            raise UsageError(f"{' '.join(str(error).split())} (tables: {TABLES})") from error


def _make_views(database: DuckDBPyConnection, files: Sequence[str]) -> None:
    quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in files)
    database.execute("SET TimeZone = 'UTC'")
    database.execute(_EVENTS.format(files=f"[{quoted}]", lone=_LONE))
    database.execute(_VIEWS)
