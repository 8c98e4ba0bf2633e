"""The way from a row of the history to a message that arrived: storing, sending, failing, and being damaged."""

from __future__ import annotations

import datetime as dt
import http.server
import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from governance_assets.pages.messages import Message, to_json
from governance_assets.policy import AlertsPolicy
from governance_assets.policy.alerts import ChannelPolicy, Route
from governance_assets.runtime.alerts.channels import DeliveryError, NotConfigured
from governance_assets.runtime.alerts.delivery import DeliveryStore
from governance_assets.runtime.alerts.delivery_file import DeliveryUnreadable
from governance_assets.runtime.alerts.drain import LOCK, Drained, Drainer
from governance_assets.runtime.alerts.heartbeat import URL_VARIABLE
from governance_assets.runtime.alerts.transitions import NewAlert
from governance_assets.runtime.commit_lock import HistoryError, file_lock
from governance_assets.runtime.history import History
from governance_assets_tests.alert_rows import MINUTE, NOON
from governance_assets_tests.campaigns import workload

CHANNELS = (ChannelPolicy(name="near", kind="file", target="a"), ChannelPolicy(name="far", kind="webhook", target="http://far"))


@dataclass
class Receiver:
    """A channel that takes messages, or raises what it is told to, and remembers both."""

    name: str
    taken: list[Message] = field(default_factory=list)
    raises: Callable[[int], Exception | None] = lambda number: None
    tries: int = 0

    def send(self, message: Message) -> None:
        self.tries += 1
        error = self.raises(self.tries)
        if error is not None:
            raise error
        self.taken.append(message)

    def told(self) -> list[int]:
        return [alert for message in self.taken for line in message.lines for alert in line.alerts]


@dataclass
class Installation:
    """A history, two receivers and a clock that only the test moves."""

    home: Path
    history: History
    policy: AlertsPolicy = AlertsPolicy(channels=CHANNELS, routes=(Route(channels=("near", "far")),))
    now: dt.datetime = NOON
    near: Receiver = field(default_factory=lambda: Receiver("near"))
    far: Receiver = field(default_factory=lambda: Receiver("far"))
    broken: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def record(self, *new: NewAlert) -> None:
        self.history.record_alerts(lambda rows: new, workload.provenance("test", 1))

    def drain(self) -> Drained:
        return self.drainer().drain("test")

    def drainer(self) -> Drainer:
        return Drainer(
            self.history, self.policy, self.home, {}, environment=self.environment, now=lambda: self.now, build=self._build
        )  # fmt: skip

    def store(self) -> DeliveryStore:
        return DeliveryStore.open(self.home)

    def _build(self, entry: ChannelPolicy, environment: Mapping[str, str], home: Path) -> Receiver:
        if entry.name in self.broken:
            raise NotConfigured(self.broken[entry.name])
        return {"near": self.near, "far": self.far}[entry.name]


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Installation]:
    with History.open(workload.location(tmp_path), now=lambda: NOON - MINUTE) as history:
        yield Installation(tmp_path / "home", history)


def alert(kind: Any = "failing", subject: str = "team-a", **given: Any) -> NewAlert:
    standard: dict[str, Any] = {
        "artifact": "calibration_metrics",
        "rule": "coverage_holds",
        "partition_key": "2025-11-10",
        "outcome": "fail",
        "severity": "error",
        "message": "it fails",
        "origin": "finding",
    }
    return NewAlert(kind=kind, subject=subject, **standard | given)


def failing(error: Exception, at_most: int = 10**9) -> Callable[[int], Exception | None]:
    return lambda number: error if number <= at_most else None


# ---------------------------------------------------------------- sending


def test_an_alert_is_sent_once_on_every_channel_and_leaves_a_heartbeat(installed: Installation):
    installed.record(alert(), alert(subject="team-b", is_sent=False))
    done = installed.drain()
    assert (done.sent, done.pending, done.dead, done.sentences) == (2, 0, 0, [])
    assert installed.near.taken == installed.far.taken
    assert installed.near.told() == [1]
    assert str(installed.drain()) == "alerts: 0 sent, 0 pending, 0 dead"
    with installed.store() as store:
        beat = store.last_heartbeat()
        assert beat is not None
        assert (beat.at, beat.sent, beat.pending, beat.dead, beat.origin, beat.error) == (NOON, 0, 0, 0, "test", "")
        assert store.covers() == {1: (installed.near.taken[0].key, "")}
    script = (installed.home / "alerts" / "heartbeat.js").read_text()
    assert script.startswith("window.governanceHeartbeat = {")
    assert script.endswith("};\n")
    shown = json.loads(script.removeprefix("window.governanceHeartbeat = ").removesuffix(";\n"))
    assert (shown["at"], shown["interval_s"]) == (NOON.isoformat(), installed.policy.drain_interval_s)


def test_a_failed_attempt_is_repeated_after_pauses_that_double(installed: Installation):
    installed.far.raises = failing(DeliveryError("it is down"))
    installed.record(alert())
    pauses = []
    for _ in range(installed.policy.max_attempts):
        installed.drain()
        with installed.store() as store:
            waited = next((row for row in store._rows("SELECT * FROM deliveries WHERE channel = 'far'")), None)
        assert waited is not None
        if waited["state"] == "pending":
            until = dt.datetime.fromisoformat(waited["next_attempt_at"])
            pauses.append((until - installed.now).total_seconds())
            installed.now = until - dt.timedelta(seconds=1)
            assert installed.drain().failed == 0
            installed.now = until
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600]
    assert installed.far.tries == installed.policy.max_attempts


def test_after_the_last_attempt_a_dead_letter_is_told_on_the_other_channel(installed: Installation):
    installed.policy = installed.policy.model_copy(update={"max_attempts": 2})
    installed.far.raises = failing(DeliveryError("it is down"))
    installed.record(alert())
    installed.drain()
    installed.now += 5 * MINUTE
    done = installed.drain()
    assert (done.sent, done.dead, done.pending) == (1, 1, 0)
    notice = installed.near.taken[-1]
    assert notice.kind == "notice"
    assert "channel far: it is down" in notice.lines[0].message
    assert notice.lines[1].message == "it fails"
    with installed.store() as store:
        (dead,) = store.dead()
        assert (dead.channel, dead.attempts, dead.last_error) == ("far", 2, "it is down")
        assert store.revive(installed.now) == 1
    installed.far.raises = failing(DeliveryError(""), at_most=0)
    installed.drain()
    assert installed.far.told() == [1]


def test_a_permanent_error_is_not_tried_again(installed: Installation):
    installed.far.raises = failing(DeliveryError("no such channel", is_permanent=True))
    installed.record(alert())
    assert installed.drain().dead == 1
    assert installed.far.tries == 1
    assert [message.kind for message in installed.near.taken] == ["failing", "notice"]


def test_a_dead_letter_about_a_dead_letter_is_not_told_any_further(installed: Installation):
    for receiver in (installed.near, installed.far):
        receiver.raises = failing(DeliveryError("gone", is_permanent=True))
    installed.record(alert())
    assert installed.drain().dead == 4
    assert installed.drain().dead == 4
    assert installed.near.tries + installed.far.tries == 4


def test_the_pause_that_a_receiver_asks_for_holds_for_its_channel(installed: Installation):
    installed.far.raises = failing(DeliveryError("too many", retry_after_s=7.0), at_most=1)
    installed.record(alert(), alert(subject="team-b"))
    installed.drain()
    assert (installed.far.tries, len(installed.near.taken)) == (1, 2)
    installed.now += dt.timedelta(seconds=6)
    installed.drain()
    assert installed.far.told() == [2]
    installed.now += dt.timedelta(seconds=1)
    installed.drain()
    assert installed.far.told() == [2, 1]


def test_a_channel_that_is_down_is_left_alone_until_the_next_drain(installed: Installation):
    installed.far.raises = failing(DeliveryError("it is down"))
    installed.record(*(alert(subject=f"team-{number}") for number in range(10)))
    done = installed.drain()
    assert (installed.far.tries, len(installed.near.taken), done.pending) == (3, 10, 10)


def test_a_fault_in_a_channel_is_an_attempt_that_failed(installed: Installation):
    installed.far.raises = failing(KeyError("surprise"))
    installed.record(alert())
    assert (installed.drain().failed, installed.near.told()) == (1, [1])
    with installed.store() as store:
        assert store.pending()[0].last_error == "KeyError: 'surprise'"


def test_a_channel_that_is_not_configured_loses_nothing_and_is_told_of_once_a_day(installed: Installation):
    installed.broken["far"] = "channel far: the environment variable FAR is not set"
    installed.record(alert())
    for _ in range(6):
        done = installed.drain()
        installed.now += 50 * MINUTE
    assert (done.pending, done.dead) == (1, 0)
    assert done.sentences == ["far cannot send: channel far: the environment variable FAR is not set"]
    assert [message.kind for message in installed.near.taken] == ["failing", "notice"]
    with installed.store() as store:
        assert (store.pending()[0].last_error, store.pending()[0].attempts) == (installed.broken["far"], 0)
    installed.broken.clear()
    assert installed.drain().sent == 1
    assert installed.far.told() == [1]


def test_a_channel_that_left_the_policy_keeps_its_messages_pending(installed: Installation):
    installed.far.raises = failing(DeliveryError("it is down"))
    installed.record(alert())
    installed.drain()
    installed.policy = AlertsPolicy(channels=CHANNELS[:1], routes=(Route(channels=("near",)),))
    installed.now += 5 * MINUTE
    done = installed.drain()
    assert done.pending == 1
    assert any("no channel of the policy is named far" in sentence for sentence in done.sentences)


def test_a_clock_that_was_turned_back_holds_no_attempt_up(installed: Installation):
    installed.far.raises = failing(DeliveryError("it is down"), at_most=1)
    installed.record(alert())
    installed.now += dt.timedelta(days=400)
    with installed.store() as store:
        store.set_value("alerts", json.dumps([0, ""]))  # else the row would be too old to be told for the first time
    installed.drain()
    installed.now -= dt.timedelta(days=400)
    installed.drain()
    assert installed.far.told() == [1]


# ---------------------------------------------------------------- holding and gathering, over several drains


def test_what_is_suppressed_is_told_once_when_its_window_ends(installed: Installation):
    installed.record(alert())
    installed.drain()
    incident = installed.history.alerts()["incident"][0].as_py()
    for minutes, kind in ((5, "recovered"), (10, "failing")):
        installed.now = NOON + minutes * MINUTE
        installed.record(alert(kind, incident=incident if kind == "recovered" else None))
        assert (installed.drain().waiting > 0, len(installed.near.taken)) == (True, 1)
    installed.now = NOON + 30 * MINUTE
    assert installed.drain().waiting == 0
    assert [line.alerts for message in installed.near.taken for line in message.lines] == [(1,), (2, 3)]


def test_the_ceiling_holds_over_drains_and_the_rest_follows_in_a_digest(installed: Installation):
    installed.policy = installed.policy.model_copy(update={"max_messages_per_hour": 2})
    for number in range(5):
        installed.now = NOON + number * MINUTE
        installed.record(alert(subject=f"team-{number}"))
        installed.drain()
    assert [message.kind for message in installed.near.taken] == ["failing", "failing", "digest"]
    installed.now = NOON + 63 * MINUTE
    installed.drain()
    assert [len(message.lines) for message in installed.near.taken] == [1, 1, 1, 2]
    assert Counter(installed.near.told()) == Counter(range(1, 6))
    assert installed.near.told() == installed.far.told()


def test_a_waived_incident_is_on_record_as_silent(installed: Installation):
    installed.record(alert())
    installed.drain()
    incident = installed.history.alerts()["incident"][0].as_py()
    until = NOON + dt.timedelta(days=1)
    installed.record(
        alert("waived", incident=incident, is_sent=False, by="modelling_lead", reason="known", until=until),
        alert("worse", incident=incident),
    )
    assert installed.drain().sent == 0
    with installed.store() as store:
        assert store.covers()[3] == (None, "waived by modelling_lead until 2025-11-21 12:00 UTC: known")


# ---------------------------------------------------------------- one drainer, one history, one database


def test_a_second_drainer_returns_at_once_and_says_so(installed: Installation):
    installed.record(alert())
    (installed.home / "alerts").mkdir(parents=True)
    with file_lock(installed.home / "alerts" / LOCK, 0.0):
        done = installed.drain()
    assert done.is_busy
    assert str(done) == "alerts: another drain is under way; nothing was done"
    assert installed.near.taken == []
    assert installed.drain().sent == 2


def test_of_two_drainers_at_once_one_sends(installed: Installation):
    installed.record(alert())
    inside, go_on = threading.Event(), threading.Event()

    def wait(number: int) -> None:
        inside.set()
        assert go_on.wait(10)

    installed.near.raises = wait
    first = threading.Thread(target=installed.drain)
    first.start()
    assert inside.wait(10)
    assert installed.drainer().drain("second").is_busy
    go_on.set()
    first.join(10)
    assert (installed.near.told(), installed.far.told()) == ([1], [1])


def test_a_lost_delivery_database_causes_resends_with_the_same_keys(installed: Installation):
    installed.record(alert())
    installed.drain()
    for path in (installed.home / "alerts").glob("delivery.sqlite*"):
        path.unlink()
    installed.drain()
    first, second = installed.near.taken
    assert to_json(first) == to_json(second)


def test_a_new_delivery_database_does_not_tell_what_is_old(installed: Installation):
    installed.record(alert())
    installed.now += dt.timedelta(days=36)
    assert installed.drain().sent == 0
    assert installed.drain().sent == 0


@pytest.mark.parametrize("damage", ["text", "page", "content", "version"])
def test_a_damaged_delivery_database_is_moved_aside_and_recent_messages_are_sent_again(installed: Installation, damage: str):
    installed.far.raises = failing(DeliveryError("it is down"), at_most=1)
    installed.record(*(alert(subject=f"team-{number}") for number in range(20)))
    installed.drain()
    _damage(installed.home / "alerts" / "delivery.sqlite", damage)
    installed.now += 5 * MINUTE
    done = installed.drain()
    assert any("delivery.sqlite was damaged" in sentence for sentence in done.sentences)
    assert len(list((installed.home / "alerts").glob("delivery.sqlite.aside-*"))) >= 1
    assert (set(installed.far.told()), done.pending) == (set(range(1, 21)), 0)
    assert installed.drain().sentences == []


def _damage(path: Path, damage: str) -> None:
    if damage in ("content", "version"):
        statement = (
            "PRAGMA user_version = 99" if damage == "version" else "UPDATE messages SET content = 'torn' WHERE content LIKE '%team-0%'"
        )
        with sqlite3.connect(path) as connection:
            connection.execute(statement)
        connection.close()
        return
    content = path.read_bytes()
    path.write_bytes(b"not a database" * 100 if damage == "text" else content[:4096] + b"\xff" * 8192 + content[12288:])


def test_a_delivery_database_that_cannot_be_opened_is_named(installed: Installation):
    (installed.home / "alerts" / "delivery.sqlite").mkdir(parents=True)
    with pytest.raises(DeliveryUnreadable, match=r"delivery\.sqlite cannot be opened"):
        installed.drain()


def test_a_history_that_was_replaced_by_an_older_one_is_noticed(installed: Installation, tmp_path: Path):
    installed.record(alert(), alert(subject="team-b"))
    installed.drain()
    with History.open(workload.location(tmp_path / "older"), now=lambda: NOON - 2 * MINUTE) as older:
        installed.history = older
        installed.record(alert(subject="team-c"))
        done = installed.drain()
        assert any("the history was replaced" in sentence for sentence in done.sentences)
        assert installed.near.taken[-1].lines[0].subject == "team-c"
        assert installed.drain().sentences == []


def test_what_is_stored_is_sent_even_when_the_history_cannot_be_read(installed: Installation, monkeypatch: pytest.MonkeyPatch):
    installed.far.raises = failing(DeliveryError("it is down"), at_most=1)
    installed.record(alert())
    installed.drain()
    installed.now += 5 * MINUTE

    def unreadable(*_: object, **__: object) -> None:
        raise HistoryError("the disk is gone")

    monkeypatch.setattr(installed.history, "alerts", unreadable)
    with pytest.raises(HistoryError, match="the disk is gone"):
        installed.drain()
    assert installed.far.told() == [1]
    with installed.store() as store:
        beat = store.last_heartbeat()
        assert beat is not None
        assert beat.at == NOON


# ---------------------------------------------------------------- whoever watches from outside


@pytest.fixture
def watcher() -> Iterator[tuple[str, list[str], list[int]]]:
    """A server on loopback: its address, what it was asked, and the statuses it answers."""
    asked: list[str] = []
    answers: list[int] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(answers.pop() if answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/beat-secret", asked, answers
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_the_heartbeat_url_is_called_only_when_the_drain_went_well(installed: Installation, watcher: tuple[str, list[str], list[int]]):
    url, asked, answers = watcher
    installed.environment[URL_VARIABLE] = url
    installed.drain()
    assert asked == ["/beat-secret"]
    installed.far.raises = failing(DeliveryError("it is down"), at_most=1)
    installed.record(alert())
    installed.drain()
    installed.drain()  # nothing was attempted, and still something is failing
    assert len(asked) == 1
    installed.now += 5 * MINUTE
    installed.drain()
    assert len(asked) == 2
    answers.append(500)
    assert installed.drain().sentences == [f"{URL_VARIABLE} answered 500; nobody outside was told of this drain"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/secret", "file:///etc/passwd", "http://[secret", "gibberish"])
def test_a_heartbeat_url_that_fails_is_logged_without_its_address(installed: Installation, url: str):
    installed.environment[URL_VARIABLE] = url
    (sentence,) = installed.drain().sentences
    assert "nobody outside was told of this drain" in sentence
    assert "secret" not in sentence
    with installed.store() as store:
        beat = store.last_heartbeat()
        assert beat is not None
        assert beat.error == sentence
