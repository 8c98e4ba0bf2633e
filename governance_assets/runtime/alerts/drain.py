"""One drain of the outbox: plan what the history tells, store it, send what is due, and leave a heartbeat.

Belongs here: the order of these steps and who may take them. Does not belong here: the decisions (``plan.py``, ``ceiling.py``),
what is stored (``delivery.py``) or how a message leaves (``channels``).

At least once: a message is stored before it is sent and marked after, so that whoever is killed in between sends it again, with
the same key and the same content.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from governance_assets.policy import AlertsPolicy
from governance_assets.policy.alerts import ChannelPolicy
from governance_assets.runtime import clock
from governance_assets.runtime.alerts import channels, heartbeat, notices
from governance_assets.runtime.alerts.ceiling import share
from governance_assets.runtime.alerts.channels import Channel, DeliveryError, NotConfigured
from governance_assets.runtime.alerts.delivery import Cursor, Delivery, DeliveryStore, Heartbeat
from governance_assets.runtime.alerts.delivery_file import FILE, FOLDER, DeliveryUnreadable, move_aside
from governance_assets.runtime.alerts.incidents import incidents
from governance_assets.runtime.alerts.plan import View, plan
from governance_assets.runtime.alerts.trends import Trends
from governance_assets.runtime.commit_lock import HistoryBusy, HistoryError, file_lock
from governance_assets.runtime.history import History
from governance_assets.runtime.workspace import Workspace

LOCK = "drain.lock"
_FAILURES_IN_A_ROW = 3
"""A channel that fails so often in a row is left alone until the next drain: it is down, and each attempt may take its time-out."""
_LOG = logging.getLogger(__name__)

Build = Callable[[ChannelPolicy, Mapping[str, str], Path], Channel]


@dataclass
class Drained:
    """What one drain did and left behind."""

    is_busy: bool = False
    sent: int = 0
    failed: int = 0
    pending: int = 0
    waiting: int = 0
    dead: int = 0
    sentences: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        if self.is_busy:
            return "alerts: another drain is under way; nothing was done"
        later = f", {self.waiting} alerts wait" if self.waiting else ""
        return f"alerts: {self.sent} sent, {self.pending} pending, {self.dead} dead{later}"


@dataclass
class Drainer:
    """What a drain works with; every part can be replaced by one of the same shape. ``present`` None is ``now``."""

    history: History
    policy: AlertsPolicy
    home: Path
    upstream: Mapping[str, frozenset[str]]
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    now: Callable[[], dt.datetime] = clock.now
    present: dt.datetime | None = None
    build: Build = channels.build
    open_store: Callable[[Path], DeliveryStore] = DeliveryStore.open

    def drain(self, origin: str) -> Drained:
        """Plan, send, and leave a heartbeat; nothing when another process is at it.

        Messages that are stored are sent even when the history cannot be read; then HistoryError is raised after, and there is
        no heartbeat.
        """
        folder = self.home / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            try:
                stack.enter_context(file_lock(folder / LOCK, 0.0))
            except HistoryBusy:
                return Drained(is_busy=True)
            try:
                return self._drain(Drained(), origin)
            except sqlite3.OperationalError as error:
                raise DeliveryUnreadable(
                    f"{folder / FILE} cannot be written ({error}); mend its folder, its disk or its permissions"
                ) from None
            except sqlite3.DatabaseError as error:
                sentence = f"{FILE} was damaged ({error}) {move_aside(folder / FILE)}"
                return self._drain(Drained(sentences=[sentence]), origin)

    def _drain(self, done: Drained, origin: str) -> Drained:
        with self._store_of_this_history(done) as store:
            self._plan_and_send(store, done, origin)
        return done

    def _plan_and_send(self, store: DeliveryStore, done: Drained, origin: str) -> None:
        unread: HistoryError | None = None
        try:
            self._plan(store)
        except HistoryError as error:
            unread = error
        _Round(self, store, done).send()
        counts = store.counts()
        done.pending, done.dead, done.waiting = counts["pending"], counts["dead"], counts["waiting"] + counts["gathered"]
        if unread is not None:
            raise unread
        beat = Heartbeat(self.now(), done.sent, done.pending, done.dead, origin)
        is_well = not done.failed and not counts["failing"]
        done.sentences += heartbeat.leave(store, beat, self.policy, self.home, self.environment if is_well else {})

    # ---------------------------------------------------------------- planning

    def _store_of_this_history(self, done: Drained) -> DeliveryStore:
        """The delivery database; one that knows rows which the history does not have belongs to another history."""
        store = self.open_store(self.home)
        done.sentences += store.sentences
        cursor = store.cursor()
        if cursor is None or not cursor.alert:
            return store
        try:
            known = self.history.alerts(after=cursor.alert - 1).slice(0, 1).to_pylist()
        except HistoryError:
            return store  # planning says why the history cannot be read
        if known and _cursor(known) == cursor:
            return store
        store.close()
        sentence = move_aside(self.home / FOLDER / FILE)
        done.sentences.append(f"{FILE} knows alerts that this history does not have: the history was replaced. It was set aside {sentence}")
        return self.open_store(self.home)

    def _plan(self, store: DeliveryStore) -> None:
        """Decide on every new and every waiting row, and store the decision with the cursor."""
        now, cursor = self.now(), store.cursor()
        with self.history.pinned():
            new = self.history.alerts(after=cursor.alert if cursor else 0).to_pylist()
            waiting = set(store.waiting())
            loads = store.loads(now)
            if cursor is not None and not new and not waiting and not any(load.gathered for load in loads.values()):
                return
            rows = self.history.alerts().to_pylist()
            view = View(
                now=now,
                present=self.present or now,
                policy=self.policy,
                incidents={one.id: one for one in incidents(rows)},
                told=store.told(),
                upstream=self.upstream,
                trend=Trends(self.history),
                link=self._link,
                ledger_head=_ledger_head(self.history),
            )
            asked = [*(row for row in rows if row["alert"] in waiting), *self._told_at_all(new, cursor, now)]
            planned = plan(asked, view)
        store.record(planned, share(planned.messages, loads, view), _cursor(new) or cursor or Cursor(0, ""), now)

    def _told_at_all(self, new: Sequence[Mapping[str, Any]], cursor: Cursor | None, now: dt.datetime) -> list[Mapping[str, Any]]:
        """A new delivery database does not know what was told before it: what is old is not told again."""
        oldest = now - dt.timedelta(days=self.policy.max_partition_age_days)
        return [row for row in new if cursor is not None or row["recorded_at"] >= oldest]

    def _link(self, artifact: str) -> str:
        if self.policy.site_url:
            return f"{self.policy.site_url.rstrip('/')}/index.html#artifact-{artifact}"
        return str(self.home / "site" / "index.html")


class _Round:
    """The sending of one drain: each channel is built once, and left alone when it is down."""

    def __init__(self, drainer: Drainer, store: DeliveryStore, done: Drained) -> None:
        self._drainer, self._store, self._done, self._policy = drainer, store, done, drainer.policy
        self._channels: dict[str, Channel | NotConfigured] = {}
        self._failures: dict[str, int] = {}

    def send(self) -> None:
        """Attempt everything that is due, also what becomes due by that; each once."""
        tried: set[int] = set()
        while due := [one for one in self._store.due(self._drainer.now()) if one.number not in tried]:
            for delivery in due:
                tried.add(delivery.number)
                if self._failures.get(delivery.channel, 0) < _FAILURES_IN_A_ROW:
                    self._attempt(delivery)

    def _attempt(self, delivery: Delivery) -> None:
        channel = self._channel(delivery.channel)
        if isinstance(channel, NotConfigured):
            self._not_configured(delivery, str(channel))
            return
        if delivery.attempts >= self._policy.max_attempts:  # each of them was interrupted, or the policy allows fewer now
            self._bury(delivery, None, delivery.last_error)
            return
        now = self._drainer.now()
        attempt = self._store.begin(delivery, now, now + self._backoff(delivery.attempts + 1))
        try:
            channel.send(delivery.message)
        except DeliveryError as error:
            self._failed(delivery, attempt, str(error), error.is_permanent, error.retry_after_s)
        except Exception as error:  # a fault in one channel must not silence the others; it is logged as any failed attempt
            _LOG.exception("channel %s failed in an unexpected way", delivery.channel)
            self._failed(delivery, attempt, f"{type(error).__name__}: {error}", False, None)
        else:
            self._store.sent(delivery, attempt, self._drainer.now())
            self._done.sent += 1
            self._failures.pop(delivery.channel, None)

    def _failed(self, delivery: Delivery, attempt: int, error: str, is_permanent: bool, retry_after_s: float | None) -> None:
        self._done.failed += 1
        self._failures[delivery.channel] = self._failures.get(delivery.channel, 0) + 1
        if retry_after_s is not None:  # the receiver asks for a pause: that holds for the whole channel
            self._failures[delivery.channel] = _FAILURES_IN_A_ROW
        if is_permanent or delivery.attempts + 1 >= self._policy.max_attempts:
            self._bury(delivery, attempt, error)
            return
        pause = (
            self._backoff(delivery.attempts + 1) if retry_after_s is None else dt.timedelta(seconds=min(retry_after_s, _LONGEST_PAUSE_S))
        )
        now = self._drainer.now()
        self._store.failed(delivery, attempt, error, now, now + pause)

    def _bury(self, delivery: Delivery, attempt: int | None, error: str) -> None:
        now = self._drainer.now()
        carried_by = () if notices.is_about_delivery(delivery.message) else self._store.channels_of(delivery.message)
        tell_on = notices.others(self._policy, delivery.channel, carried_by) if carried_by else ()
        self._store.buried(delivery, attempt, error, notices.dead_letter(delivery, error, now), tell_on, now)
        self._done.sentences.append(f"channel {delivery.channel}: message {delivery.message.key} was given up: {error}")

    def _not_configured(self, delivery: Delivery, error: str) -> None:
        """The message waits until the channel can send; once a day the other channels hear of it."""
        self._done.failed += 1
        now = self._drainer.now()
        self._store.not_sent(delivery, error, now, now + dt.timedelta(seconds=self._policy.backoff_s))
        sentence = f"{delivery.channel} cannot send: {error}"
        if sentence not in self._done.sentences:
            self._done.sentences.append(sentence)
            tell_on = [name for name in notices.others(self._policy, delivery.channel, ()) if self._can_send(name)]
            self._store.notify(notices.not_configured(delivery.channel, error, now), tell_on, now)

    def _can_send(self, name: str) -> bool:
        return not isinstance(self._channel(name), NotConfigured)

    def _channel(self, name: str) -> Channel | NotConfigured:
        if name not in self._channels:
            try:
                self._channels[name] = self._drainer.build(notices.entry(self._policy, name), self._drainer.environment, self._drainer.home)
            except NotConfigured as error:
                self._channels[name] = error
        return self._channels[name]

    def _backoff(self, attempts: int) -> dt.timedelta:
        """The pause after that many attempts: doubled each time, up to the policy's longest."""
        doublings = min(attempts - 1, 60)
        return dt.timedelta(seconds=min(self._policy.backoff_s * 2**doublings, self._policy.max_backoff_s))


_LONGEST_PAUSE_S = 86_400.0
"""A receiver that asks for more than a day is not heeded: the clock of one of the two is wrong."""


def drain(workspace: Workspace, origin: str) -> Drained:
    """One drain of the installation that is open as ``workspace``."""
    drainer = Drainer(workspace.history, workspace.policy.alerts, workspace.settings.home, upstream(), present=workspace.present)
    return drainer.drain(origin)


def upstream() -> dict[str, frozenset[str]]:
    """What every declared artifact reads."""
    # Imported here: channels and doctors need no Dagster.
    from governance_assets.runtime.artifact import DECLARATIONS

    return {name: frozenset(one.inputs) for name, one in DECLARATIONS.items()}


def _cursor(rows: Sequence[Mapping[str, Any]]) -> Cursor | None:
    return Cursor(rows[-1]["alert"], rows[-1]["recorded_at"].isoformat()) if rows else None


def _ledger_head(history: History) -> str:
    heads = history.seals()["head_sha256"]
    return str(heads[-1].as_py()) if len(heads) else ""
