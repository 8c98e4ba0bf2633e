"""The delivery database: messages that were made, how far each got on each channel, and when the outbox was last drained.

Belongs here: everything that is stored about sending, and its transactions. Does not belong here: what is sent (``plan.py``)
or the sending (``drain.py``).

It lies beside the history and may be lost: a new one only causes resends. A message is stored before it is sent, and never
changes after.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from governance_assets.pages.messages import Message, from_json, to_json
from governance_assets.runtime.alerts.ceiling import HOUR, Load, Shares
from governance_assets.runtime.alerts.delivery_file import DeliveryDamaged, open_file
from governance_assets.runtime.alerts.plan import Plan
from governance_assets.runtime.alerts.transitions import Key

KEPT_HEARTBEATS = dt.timedelta(days=30)
_CURSOR = "alerts"


@dataclass(frozen=True)
class Cursor:
    """How far the outbox was planned: a row by its number, and its instant, by which it is known again."""

    alert: int
    recorded_at: str


@dataclass(frozen=True)
class Delivery:
    """One message on its way to one channel."""

    number: int
    channel: str
    message: Message
    attempts: int
    last_error: str


@dataclass(frozen=True)
class Heartbeat:
    """One drain: when, by whom, and what it left behind."""

    at: dt.datetime
    sent: int
    pending: int
    dead: int
    origin: str
    error: str = ""


class DeliveryStore:
    """One open delivery database. ``sentences`` says what had to be mended to open it."""

    def __init__(self, connection: sqlite3.Connection, sentences: Sequence[str] = ()) -> None:
        self._connection = connection
        self.sentences = tuple(sentences)

    @classmethod
    def open(cls, home: Path) -> DeliveryStore:
        """Open the delivery database below ``home``. Raises DeliveryUnreadable."""
        return cls(*open_file(home))

    def close(self) -> None:
        """Close the database; what was recorded is on disk."""
        self._connection.close()

    def __enter__(self) -> DeliveryStore:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # ---------------------------------------------------------------- cursors

    def value(self, name: str) -> str | None:
        """What was last set under ``name``."""
        found = self._rows("SELECT value FROM cursors WHERE name = ?", name)
        return str(found[0]["value"]) if found else None

    def set_value(self, name: str, value: str) -> None:
        """Keep ``value`` under ``name``."""
        with self._transaction():
            self._set(name, value)

    def cursor(self) -> Cursor | None:
        """The newest row of the table of alerts that was planned; None in a new database."""
        value = self.value(_CURSOR)
        if value is None:
            return None
        alert, recorded_at = json.loads(value)
        return Cursor(alert, recorded_at)

    # ---------------------------------------------------------------- planning

    def waiting(self) -> tuple[int, ...]:
        """The rows that are not told yet."""
        return tuple(row["alert"] for row in self._rows("SELECT alert FROM waiting ORDER BY alert"))

    def next_due(self) -> dt.datetime | None:
        """When the first of the waiting rows is due."""
        found = self._rows("SELECT min(until) AS until FROM waiting")[0]["until"]
        return _instant(found) if found else None

    def told(self) -> dict[Key, dt.datetime]:
        """When each subject was last told about."""
        return {_key(row["subject"]): _instant(row["told_at"]) for row in self._rows("SELECT subject, told_at FROM told")}

    def loads(self, now: dt.datetime) -> dict[str, Load]:
        """What each channel was given in the hour before ``now``, and what waits for its digest."""
        counted = self._rows(
            """
            SELECT channel, sum(kind != 'digest' AND state != 'gathered' AND made_at > ? AND made_at <= ?) AS messages,
                   max(CASE WHEN kind = 'digest' THEN made_at END) AS digest_at
            FROM deliveries JOIN messages ON messages.key = deliveries.message GROUP BY channel
            """,
            _text(now - HOUR),
            _text(now),
        )
        gathered: dict[str, list[Message]] = {}
        for row in self._rows(
            "SELECT channel, content FROM deliveries JOIN messages ON messages.key = deliveries.message "
            "WHERE state = 'gathered' AND digest IS NULL ORDER BY delivery"
        ):
            gathered.setdefault(row["channel"], []).append(_message(row["content"]))
        return {
            row["channel"]: Load(
                row["messages"], _instant(row["digest_at"]) if row["digest_at"] else None, tuple(gathered.get(row["channel"], ()))
            )
            for row in counted
        }

    def record(self, plan: Plan, shares: Shares, cursor: Cursor, now: dt.datetime) -> None:
        """Store a plan: its messages, where they go, what every row came to, and the cursor, in one transaction."""
        with self._transaction() as run:
            for one in plan.messages:
                self._insert_message(one.message)
                run.executemany("INSERT INTO covers VALUES (?, ?, '')", [(alert, one.message.key) for alert in one.alerts])
                run.executemany("INSERT OR REPLACE INTO told VALUES (?, ?)", [(json.dumps(key), _text(now)) for key in one.subjects])
            run.executemany("INSERT INTO covers VALUES (?, NULL, ?)", [(one.alert, one.reason) for one in plan.silent])
            run.execute("DELETE FROM waiting")
            run.executemany("INSERT INTO waiting VALUES (?, ?, ?)", [(one.alert, _text(one.until), one.reason) for one in plan.held])
            self._insert_deliveries(shares.single, "pending", now)
            self._insert_deliveries(shares.gathered, "gathered", now)
            for digest in shares.digests:
                self._insert_message(digest.message)
                self._insert_deliveries([(digest.message.key, digest.channel)], "pending", now)
                run.executemany(
                    "UPDATE deliveries SET digest = ? WHERE message = ? AND channel = ?",
                    [(digest.message.key, key, digest.channel) for key in digest.keys],
                )
            self._set(_CURSOR, json.dumps([cursor.alert, cursor.recorded_at]))

    def notify(self, message: Message, channels: Sequence[str], now: dt.datetime) -> None:
        """Store a message about the delivery itself; one that is stored already stays as it is."""
        with self._transaction():
            if not self._rows("SELECT 1 FROM messages WHERE key = ?", message.key):
                self._insert_message(message)
                self._insert_deliveries([(message.key, channel) for channel in channels], "pending", now)

    # ---------------------------------------------------------------- sending

    def due(self, now: dt.datetime) -> list[Delivery]:
        """What is to be attempted at ``now``, in the order it was made. A clock that was turned back holds nothing up."""
        at = _text(now)
        return self._deliveries("state = 'pending' AND (next_attempt_at <= ? OR attempted_at > ?)", at, at)

    def begin(self, delivery: Delivery, now: dt.datetime, next_attempt_at: dt.datetime) -> int:
        """Log that an attempt begins; should nothing more be heard of it, the next one follows at ``next_attempt_at``."""
        with self._transaction() as run:
            run.execute(
                "UPDATE deliveries SET attempts = attempts + 1, attempted_at = ?, next_attempt_at = ?, last_error = ? WHERE delivery = ?",
                (_text(now), _text(next_attempt_at), _INTERRUPTED, delivery.number),
            )
            begun = run.execute("INSERT INTO attempts (delivery, begun_at) VALUES (?, ?)", (delivery.number, _text(now)))
            return int(begun.lastrowid or 0)

    def sent(self, delivery: Delivery, attempt: int, now: dt.datetime) -> None:
        """Mark ``delivery`` as taken by its channel."""
        with self._transaction() as run:
            self._end(attempt, now, "")
            run.execute("UPDATE deliveries SET state = 'sent', last_error = '' WHERE delivery = ?", (delivery.number,))

    def failed(self, delivery: Delivery, attempt: int, error: str, now: dt.datetime, next_attempt_at: dt.datetime) -> None:
        """Mark an attempt as failed, and when the next one follows."""
        with self._transaction() as run:
            self._end(attempt, now, error)
            run.execute(
                "UPDATE deliveries SET next_attempt_at = ?, last_error = ? WHERE delivery = ?",
                (_text(next_attempt_at), error, delivery.number),
            )

    def buried(
        self, delivery: Delivery, attempt: int | None, error: str, notice: Message, channels: Sequence[str], now: dt.datetime
    ) -> None:
        """Give ``delivery`` up, and store in the same transaction the ``notice`` that tells of it on other channels."""
        with self._transaction() as run:
            if attempt is not None:
                self._end(attempt, now, error)
            run.execute("UPDATE deliveries SET state = 'dead', last_error = ? WHERE delivery = ?", (error, delivery.number))
            if channels:
                self._insert_message(notice)
                self._insert_deliveries([(notice.key, channel) for channel in channels], "pending", now)

    def not_sent(self, delivery: Delivery, error: str, now: dt.datetime, next_attempt_at: dt.datetime) -> None:
        """Note why ``delivery`` could not even be attempted; it counts as no attempt."""
        with self._transaction() as run:
            run.execute(
                "UPDATE deliveries SET attempted_at = ?, next_attempt_at = ?, last_error = ? WHERE delivery = ?",
                (_text(now), _text(next_attempt_at), error, delivery.number),
            )

    def revive(self, now: dt.datetime) -> int:
        """Make every dead letter pending again; returns how many there were."""
        with self._transaction() as run:
            changed = run.execute(
                "UPDATE deliveries SET state = 'pending', attempts = 0, next_attempt_at = ? WHERE state = 'dead'", (_text(now),)
            )
            return changed.rowcount

    def channels_of(self, message: Message) -> tuple[str, ...]:
        """Every channel that carries ``message`` by itself."""
        found = self._rows("SELECT channel FROM deliveries WHERE message = ? AND state != 'gathered' ORDER BY delivery", message.key)
        return tuple(row["channel"] for row in found)

    # ---------------------------------------------------------------- what there is

    def dead(self) -> list[Delivery]:
        """The dead letters."""
        return self._deliveries("state = 'dead'")

    def pending(self) -> list[Delivery]:
        """What is still on its way, also what waits for a digest."""
        return self._deliveries("state = 'pending' OR (state = 'gathered' AND digest IS NULL)")

    def counts(self) -> dict[str, int]:
        """How many deliveries are pending, failing (pending after an error), sent, dead and gathered for a digest, and rows waiting."""
        states = {row["state"]: row["n"] for row in self._rows("SELECT state, count(*) AS n FROM deliveries GROUP BY state")}
        failing = self._rows("SELECT count(*) AS n FROM deliveries WHERE state = 'pending' AND last_error != ''")[0]["n"]
        gathered = self._rows("SELECT count(*) AS n FROM deliveries WHERE state = 'gathered' AND digest IS NULL")[0]["n"]
        waiting = self._rows("SELECT count(*) AS n FROM waiting")[0]["n"]
        known = {state: states.get(state, 0) for state in ("pending", "sent", "dead")}
        return known | {"failing": failing, "gathered": gathered, "waiting": waiting}

    def covers(self) -> dict[int, tuple[str | None, str]]:
        """Of every row that was decided on, the key of the message that tells it, or None and the reason why none does."""
        return {row["alert"]: (row["message"], row["reason"]) for row in self._rows("SELECT * FROM covers ORDER BY alert")}

    def beat(self, heartbeat: Heartbeat) -> int:
        """Log a drain, and forget those of long ago; returns the number of the row."""
        with self._transaction() as run:
            run.execute("DELETE FROM heartbeats WHERE at < ?", (_text(heartbeat.at - KEPT_HEARTBEATS),))
            values = (_text(heartbeat.at), heartbeat.sent, heartbeat.pending, heartbeat.dead, heartbeat.origin, heartbeat.error)
            row = run.execute("INSERT INTO heartbeats (at, sent, pending, dead, origin, error) VALUES (?, ?, ?, ?, ?, ?)", values)
            return int(row.lastrowid or 0)

    def beat_failed(self, number: int, error: str) -> None:
        """Log that nobody outside heard of a drain."""
        with self._transaction() as run:
            run.execute("UPDATE heartbeats SET error = ? WHERE heartbeat = ?", (error, number))

    def last_heartbeat(self) -> Heartbeat | None:
        """The newest drain that came to its end."""
        found = self._rows("SELECT at, sent, pending, dead, origin, error FROM heartbeats ORDER BY heartbeat DESC LIMIT 1")
        return Heartbeat(**{**found[0], "at": _instant(found[0]["at"])}) if found else None

    # ---------------------------------------------------------------- inside

    def _rows(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        cursor = self._connection.execute(sql, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _deliveries(self, condition: str, *parameters: object) -> list[Delivery]:
        rows = self._rows(
            "SELECT delivery, channel, content, attempts, last_error FROM deliveries JOIN messages ON messages.key = deliveries.message "
            f"WHERE {condition} ORDER BY delivery",
            *parameters,
        )
        return [Delivery(row["delivery"], row["channel"], _message(row["content"]), row["attempts"], row["last_error"]) for row in rows]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise

    def _set(self, name: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (name, value))

    def _insert_message(self, message: Message) -> None:
        content = json.dumps(to_json(message), sort_keys=True)
        self._connection.execute(
            "INSERT INTO messages VALUES (?, ?, ?, ?)", (message.key, message.kind, content, _text(message.created_at))
        )

    def _insert_deliveries(self, pairs: Sequence[tuple[str, str]], state: str, now: dt.datetime) -> None:
        self._connection.executemany(
            "INSERT INTO deliveries (message, channel, state, made_at, next_attempt_at) VALUES (?, ?, ?, ?, ?)",
            [(key, channel, state, _text(now), _text(now)) for key, channel in pairs],
        )

    def _end(self, attempt: int, now: dt.datetime, error: str) -> None:
        self._connection.execute("UPDATE attempts SET ended_at = ?, error = ? WHERE attempt = ?", (_text(now), error, attempt))


_INTERRUPTED = "the attempt was interrupted; whether the message arrived is not known"


def _message(content: str) -> Message:
    try:
        return from_json(json.loads(content))
    except (ValueError, TypeError) as error:
        raise DeliveryDamaged(f"a stored message cannot be read: {error}") from error


def _key(text: str) -> Key:
    artifact, rule, subject = json.loads(text)
    return artifact, rule, subject


def _text(instant: dt.datetime) -> str:
    """An instant as text that sorts by time."""
    return instant.astimezone(dt.UTC).isoformat(timespec="microseconds")


def _instant(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)
