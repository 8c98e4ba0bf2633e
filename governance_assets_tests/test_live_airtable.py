"""Airtable as a source: a table appears whole or not at all, and every way an answer can be wrong."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from governance_assets.policy.sources import AirtableSource, SourcesPolicy
from governance_assets_tests.channel_samples import SECRET, Answer, all_logs, free_port, no_proxy
from governance_assets_tests.live_samples import Airtable, Bench, stage

__all__ = ["all_logs", "no_proxy"]
pytestmark = pytest.mark.usefixtures("no_proxy")

FIRST = "plan/appPlan1/2025-11-20T083000Z__stages"
PAGE = "2025-11-20T083000Z__stages__p000{}.json"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def airtable() -> Iterator[Airtable]:
    made = Airtable([stage(number) for number in range(250)])
    yield made
    made.server.close()


def source(airtable: Airtable) -> AirtableSource:
    return AirtableSource(base="appPlan1", table="The Stages", holds="stages", endpoint=airtable.server.url)


def ids(bench: Bench, folder: str) -> list[str]:
    return [one["id"] for name, body in bench.files().items() if name.startswith(folder) for one in json.loads(body)["records"]]


def test_a_table_lands_page_by_page_as_received(bench: Bench, airtable: Airtable) -> None:
    done = bench.fetch("airtable", source(airtable))
    assert (done.state, done.pages, done.records, done.files) == ("ok", 3, 250, 1)
    assert list(bench.files()) == [f"{FIRST}/{PAGE.format(number)}" for number in (1, 2, 3)]
    assert ids(bench, FIRST) == [one["id"] for one in airtable.records]
    assert json.loads(bench.files()[f"{FIRST}/{PAGE.format(1)}"]) == {"records": airtable.records[:100], "offset": "itr0/100"}


def test_an_unchanged_table_lands_nothing_and_a_changed_one_beside_the_old(bench: Bench, airtable: Airtable) -> None:
    bench.fetch("airtable", source(airtable))
    before = bench.files()
    airtable.date, airtable.state = "Thu, 20 Nov 2025 09:30:00 GMT", 1
    done = bench.fetch("airtable", source(airtable))
    assert (done.state, done.pages, done.files, bench.files()) == ("ok", 3, 0, before)
    airtable.records[120] = stage(120, "Done")
    airtable.date = "Thu, 20 Nov 2025 10:30:00 GMT"
    assert bench.fetch("airtable", source(airtable)).files == 1
    assert bench.files().items() > before.items()
    assert len(ids(bench, "plan/appPlan1/2025-11-20T103000Z__stages")) == 250


def test_an_empty_table_is_a_state_too(bench: Bench, airtable: Airtable) -> None:
    airtable.records.clear()
    done = bench.fetch("airtable", source(airtable))
    assert (done.state, done.records, json.loads(bench.files()[f"{FIRST}/{PAGE.format(1)}"])) == ("ok", 0, {"records": []})


def test_after_429_nothing_is_asked_for_thirty_seconds(bench: Bench, airtable: Airtable) -> None:
    airtable.faults = [None, Answer(429, b'{"errors":[{"error":"RATE_LIMIT_REACHED"}]}'), Answer(429, b"", {"Retry-After": "45"})]
    done = bench.fetch("airtable", source(airtable))
    assert (done.state, bench.pauses, done.records) == ("ok", [30, 45], 250)


FAULTS = {
    "500": Answer(500, b"oops"),
    "503": Answer(503, b""),
    "JSON that breaks off": Answer(200, b'{"records": [{"id": "rec', {"Content-Type": "application/json"}),
    "an answer that breaks off": Answer(200, b'{"records": []}', stated_length=9_000),
    "a page of a proxy": Answer(200, b"<html>please log in</html>"),
    "an empty answer": Answer(200, b""),
    "something else than records": Answer(200, b'{"rows": []}'),
    "records without fields": Answer(200, b'{"records": [{"id": "rec1"}]}'),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_rubbish_half_way_is_asked_again(fault: Answer, bench: Bench, airtable: Airtable) -> None:
    airtable.faults = [None, fault]
    done = bench.fetch("airtable", source(airtable))
    assert (done.state, bench.pauses, ids(bench, FIRST)) == ("ok", [2], [one["id"] for one in airtable.records])


def test_half_a_table_never_shows_and_the_next_run_goes_on(bench: Bench, airtable: Airtable) -> None:
    airtable.faults = [None, *[Answer(500)] * 4]
    done = bench.fetch("airtable", source(airtable))
    assert (done.state, done.pages, bench.files()) == ("partial", 1, {})
    assert bench.row("airtable", source(airtable))["gap_until"] == bench.now
    asked = len(airtable.requests)
    assert bench.fetch("airtable", source(airtable)).state == "ok"
    assert len(airtable.requests) - asked == 2
    assert len(ids(bench, FIRST)) == 250


def test_an_offset_that_was_forgotten_reads_the_table_anew(bench: Bench, airtable: Airtable) -> None:
    airtable.faults = [None, *[Answer(500)] * 4]
    bench.fetch("airtable", source(airtable))
    airtable.state = 1
    airtable.date = "Thu, 20 Nov 2025 09:30:00 GMT"
    done = bench.fetch("airtable", source(airtable))
    assert (done.state, done.records, next(iter(bench.files()))) == (
        "ok",
        250,
        f"{FIRST}/{PAGE.format(1)}".replace("0830", "0930"),
    )
    assert len(bench.files()) == 3


@pytest.mark.parametrize("status", [401, 403, 404, 413, 422])
def test_a_refusal_is_not_asked_again(status: int, bench: Bench, airtable: Airtable) -> None:
    airtable.faults = [Answer(status, b'{"error":{"type":"NOT","message":"no"}}')]
    done = bench.fetch("airtable", source(airtable))
    assert (done.state, bench.pauses, len(airtable.requests)) == ("failed", [], 1)
    assert f"answered {status}" in done.error


@pytest.mark.parametrize("answer", [Answer(wait_s=0.6), Answer(body=b" " * 200, drip_s=0.02)], ids=["silent", "dripping"])
def test_a_slow_server_is_given_up(answer: Answer, bench: Bench, airtable: Airtable) -> None:
    bench.policy = SourcesPolicy(timeout_s=0.3, page_seconds=0.4, max_attempts=1)
    airtable.faults = [answer]
    assert bench.fetch("airtable", source(airtable)).state == "failed"


def test_a_server_that_is_not_there_is_told(bench: Bench) -> None:
    gone = AirtableSource(base="appPlan1", table="x", holds="tasks", endpoint=f"http://127.0.0.1:{free_port()}")
    done = bench.fetch("airtable", gone)
    assert (done.state, len(bench.pauses)) == ("failed", 3)
    assert "cannot be reached" in done.error


def test_without_a_token_it_is_not_configured(bench: Bench, airtable: Airtable) -> None:
    bench.environment = {}
    done = bench.fetch("airtable", source(airtable))
    assert (done.state, airtable.requests) == ("not_configured", [])
    assert "AIRTABLE_TOKEN" in done.error


def test_a_token_that_vanishes_leaves_its_gap(bench: Bench, airtable: Airtable) -> None:
    bench.fetch("airtable", source(airtable))
    bench.environment = {}
    bench.now += dt.timedelta(hours=50)
    bench.fetch("airtable", source(airtable))
    row = bench.row("airtable", source(airtable))
    assert (row["state"], row["hours_since_whole"], row["gap_until"]) == ("not_configured", 50, bench.now)


@pytest.mark.parametrize("status", [200, 401, 429, 500])
def test_the_token_shows_nowhere(
    status: int, bench: Bench, airtable: Airtable, all_logs: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    airtable.faults = [Answer(status, f"no: {SECRET}".encode())] * 4 if status != 200 else []
    done = bench.fetch("airtable", source(airtable))
    seen = [repr(done), all_logs.text, "".join(capsys.readouterr()), bench.everything().decode("utf-8", "replace")]
    assert [text for text in seen if SECRET in text] == []
