"""GitHub as a source: sweeps, pages, limits, and every way an answer can be wrong."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from governance_assets.policy.sources import GithubSource, SourcesPolicy
from governance_assets_tests.channel_samples import SECRET, Answer, all_logs, free_port, no_proxy
from governance_assets_tests.live_samples import HTTP_NOW, Bench, Github, issue, numbers

__all__ = ["all_logs", "no_proxy"]
pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def github() -> Iterator[Github]:
    made = Github([issue(number) for number in range(1, 251)])
    yield made
    made.server.close()


def source(github: Github, **named: object) -> GithubSource:
    return GithubSource(repository="octo/data", endpoint=github.server.url, **named)


def test_every_page_lands_as_it_was_received(bench: Bench, github: Github) -> None:
    done = bench.fetch("github", source(github))
    assert (done.state, done.pages, done.records, done.files, done.gap_until) == ("ok", 3, 250, 3, None)
    files = bench.files()
    assert [name.rsplit("__", 1)[0] for name in files] == [f"issues/github/octo+data/2025-11-20T083000Z__p000{n}" for n in (1, 2, 3)]
    assert numbers(files.values()) == list(range(1, 251))
    assert next(iter(files.values())) == json.dumps(github.issues[:100]).encode()
    assert {request.headers["Authorization"] for request in github.requests} == {f"Bearer {SECRET}"}
    assert bench.cursor("github", source(github)) == {"since": "2025-11-20T08:20:00Z", "covered_until": "2025-11-20T08:30:00+00:00"}


def test_the_next_sweep_asks_for_what_was_updated_since(bench: Bench, github: Github) -> None:
    bench.fetch("github", source(github))
    before = bench.files()
    github.issues[4] = issue(5, "2025-11-20T08:25:00Z")
    github.date = "Thu, 20 Nov 2025 09:30:00 GMT"
    assert bench.fetch("github", source(github)).records == 1
    after = bench.files()
    assert {name: body for name, body in after.items() if name in before} == before
    assert numbers(body for name, body in after.items() if name not in before) == [5]


def test_an_unchanged_list_costs_one_request_without_a_body(bench: Bench, github: Github) -> None:
    for _ in range(2):
        bench.fetch("github", source(github))
    assert bench.cursor("github", source(github))["etag"].startswith('W/"')
    assert "If-None-Match" not in github.requests[-1].headers
    before, asked = bench.files(), len(github.requests)
    github.date = "Thu, 20 Nov 2025 10:30:00 GMT"
    done = bench.fetch("github", source(github))
    assert (done.state, done.pages, done.covered_until) == ("ok", 0, "2025-11-20T10:30:00+00:00")
    assert "If-None-Match" in github.requests[-1].headers
    assert (len(github.requests) - asked, bench.files()) == (1, before)
    github.issues.append(issue(251, "2025-11-20T11:00:00Z"))
    assert bench.fetch("github", source(github)).records == 1


RATE_LIMITED = b'{"message":"API rate limit exceeded for user ID 1."}'
SECONDARY = b'{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}'
TOMORROW = "Fri, 21 Nov 2025 08:30:30 GMT"
RESET = int(dt.datetime(2025, 11, 20, 8, 31, tzinfo=dt.UTC).timestamp())
PASSING = {
    "429 with Retry-After": (Answer(429, SECONDARY, {"Retry-After": "17"}), 17),
    "403 with Retry-After": (Answer(403, SECONDARY, {"Retry-After": "5"}), 5),
    "403 with a count used up": (
        Answer(403, RATE_LIMITED, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(RESET), "Date": HTTP_NOW}),
        61,
    ),
    "403 of a server whose clock is a day off": (
        Answer(403, RATE_LIMITED, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(RESET + 86_400), "Date": TOMORROW}),
        31,
    ),
    "403 of the secondary limit without a pause": (Answer(403, SECONDARY), 60),
    "429 without a word": (Answer(429, b""), 60),
    "500": (Answer(500, b"oops"), 2),
    "502 of a proxy": (Answer(502, b"<html>bad gateway"), 2),
    "503 with Retry-After": (Answer(503, b"", {"Retry-After": "9"}), 9),
    "JSON that breaks off": (Answer(200, b'[{"number": 1, "tit'), 2),
    "an answer that breaks off": (Answer(200, b'[{"number": 1}', stated_length=9_000), 2),
    "a page of a proxy": (Answer(200, b"<html>please log in</html>"), 2),
    "something else than a list": (Answer(200, b'{"message": "hello"}'), 2),
    "a list of something else": (Answer(200, b"[1, 2]"), 2),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_is_asked_again_after_its_pause(name: str, bench: Bench, github: Github) -> None:
    fault, pause = PASSING[name]
    github.faults = [None, fault]
    done = bench.fetch("github", source(github))
    assert (done.state, bench.pauses, done.records) == ("ok", [pause], 250)
    assert numbers(bench.files().values()) == list(range(1, 251))


@pytest.mark.parametrize(
    "fault",
    [
        Answer(401, b'{"message":"Bad credentials"}'),
        Answer(403, b'{"message":"Resource not accessible by personal access token"}'),
        Answer(404, b'{"message":"Not Found"}'),
        Answer(410, b'{"message":"Issues are disabled for this repo"}'),
        Answer(302, b"", {"Location": "http://127.0.0.2:1/elsewhere"}),
    ],
    ids=lambda fault: fault.status,
)
def test_what_does_not_pass_is_not_asked_again(fault: Answer, bench: Bench, github: Github) -> None:
    github.faults = [fault]
    done = bench.fetch("github", source(github))
    assert (done.state, bench.pauses, len(github.requests), bench.files()) == ("failed", [], 1, {})
    assert f"answered {fault.status}" in done.error


def test_what_breaks_off_half_way_keeps_what_was_there_and_goes_on(bench: Bench, github: Github) -> None:
    github.faults = [None, None, *[Answer(500, b"down")] * bench.policy.max_attempts]
    done = bench.fetch("github", source(github))
    assert (done.state, done.pages, done.records) == ("partial", 2, 200)
    assert bench.pauses == [2, 4, 8]
    row = bench.row("github", source(github))
    assert (row["state"], row["gap_since"], row["gap_until"], row["last_whole_at"]) == ("partial", None, bench.now, None)
    landed = bench.files()
    assert numbers(landed.values()) == list(range(1, 201))
    asked = len(github.requests)
    done = bench.fetch("github", source(github))
    assert (done.state, done.records, len(github.requests) - asked) == ("ok", 50, 1)
    assert numbers(bench.files().values()) == list(range(1, 251))
    assert bench.files().items() >= landed.items()
    assert bench.row("github", source(github))["gap_until"] is None


def test_the_gap_reaches_from_the_last_whole_fetch_to_the_one_that_broke(bench: Bench, github: Github) -> None:
    bench.fetch("github", source(github))
    bench.now += dt.timedelta(hours=5)
    github.faults = [Answer(500)] * bench.policy.max_attempts
    assert bench.fetch("github", source(github)).state == "failed"
    row = bench.row("github", source(github))
    assert (row["gap_since"], row["gap_until"]) == (bench.now - dt.timedelta(hours=5), bench.now)
    assert (row["hours_since_whole"], row["state"]) == (5, "failed")


def test_a_pause_that_is_too_long_is_kept_by_the_next_run(bench: Bench, github: Github) -> None:
    github.faults = [Answer(429, SECONDARY, {"Retry-After": "3600"})]
    done = bench.fetch("github", source(github))
    assert (done.state, bench.pauses, done.not_before) == ("failed", [], "2025-11-20T09:30:00+00:00")
    bench.now += dt.timedelta(minutes=59)
    done = bench.fetch("github", source(github))
    assert (done.state, len(github.requests), done.not_before) == ("failed", 1, "2025-11-20T09:30:00+00:00")
    assert "it was not asked" in done.error
    bench.now += dt.timedelta(minutes=2)
    assert bench.fetch("github", source(github)).state == "ok"


def test_the_pages_of_a_run_are_limited(bench: Bench, github: Github) -> None:
    bench.policy = SourcesPolicy(max_pages=2)
    done = bench.fetch("github", source(github))
    assert (done.state, done.pages, done.error) == ("partial", 2, "the run has had its 2 pages; the next one goes on behind them")
    assert bench.fetch("github", source(github)).state == "ok"
    assert numbers(bench.files().values()) == list(range(1, 251))


def test_an_issue_updated_during_a_sweep_makes_no_other_slip_past(bench: Bench, github: Github) -> None:
    """Between two pages issue 50 is updated: sorted by update it would move behind, and one would slip over the edge of a page."""
    bench.policy = SourcesPolicy(max_pages=1)
    bench.fetch("github", source(github))
    github.issues[49] = issue(50, "2025-11-20T08:31:00Z")
    bench.policy = SourcesPolicy()
    bench.fetch("github", source(github))
    assert set(numbers(bench.files().values())) == set(range(1, 251))
    bench.fetch("github", source(github))
    newest = [one for body in bench.files().values() for one in json.loads(body) if one["updated_at"] == "2025-11-20T08:31:00Z"]
    assert [one["number"] for one in newest] == [50]


def test_a_clock_of_ours_that_is_wrong_skips_nothing(bench: Bench, github: Github) -> None:
    bench.now += dt.timedelta(hours=6)
    bench.fetch("github", source(github))
    github.issues.append(issue(251, "2025-11-20T08:45:00Z"))
    github.date = "Thu, 20 Nov 2025 09:00:00 GMT"
    bench.fetch("github", source(github))
    assert 251 in numbers(bench.files().values())


@pytest.mark.parametrize("answer", [Answer(wait_s=0.6), Answer(body=b" " * 200, drip_s=0.02)], ids=["silent", "dripping"])
def test_a_slow_server_is_given_up(answer: Answer, bench: Bench, github: Github) -> None:
    bench.policy = SourcesPolicy(timeout_s=0.3, page_seconds=0.4, max_attempts=1)
    github.faults = [answer]
    done = bench.fetch("github", source(github))
    assert done.state == "failed"
    assert "cannot be reached" in done.error or "did not end its answer" in done.error


def test_a_server_that_is_not_there_is_told(bench: Bench) -> None:
    gone = GithubSource(repository="octo/data", endpoint=f"http://127.0.0.1:{free_port()}")
    done = bench.fetch("github", gone)
    assert (done.state, len(bench.pauses)) == ("failed", 3)
    assert "cannot be reached" in done.error


def test_an_answer_that_is_too_large_is_refused(bench: Bench, github: Github) -> None:
    bench.policy = SourcesPolicy(max_page_mb=0.01)
    done = bench.fetch("github", source(github))
    assert (done.state, bench.files()) == ("failed", {})
    assert "more than 0.01 MB; raise max_page_mb" in done.error


def test_a_page_of_another_host_is_not_followed(bench: Bench, github: Github) -> None:
    link = {"Link": '<http://127.0.0.2:9/repos/octo/data/issues?page=2>; rel="next"'}
    github.faults = [Answer(200, json.dumps([issue(1)]).encode(), link)]
    done = bench.fetch("github", source(github))
    assert (done.state, len(github.requests)) == ("failed", 1)
    assert "another host" in done.error


def test_a_token_is_not_sent_without_encryption(bench: Bench) -> None:
    done = bench.fetch("github", GithubSource(repository="octo/data", endpoint="http://github.example.org/api/v3"))
    assert done.state == "not_configured"
    assert "not https" in done.error


@pytest.mark.parametrize("value", [None, "", "  ", "two\nlines"])
def test_without_a_token_it_is_not_configured(value: str | None, bench: Bench, github: Github) -> None:
    bench.environment = {} if value is None else {"GITHUB_TOKEN": value}
    done = bench.fetch("github", source(github))
    assert (done.state, github.requests, bench.files()) == ("not_configured", [], {})
    assert "GITHUB_TOKEN" in done.error


def test_a_public_repository_is_asked_without_a_token(bench: Bench, github: Github) -> None:
    bench.environment = {}
    assert bench.fetch("github", source(github, token_env="")).state == "ok"
    assert "Authorization" not in github.requests[0].headers


@pytest.mark.parametrize("status", [200, 401, 403, 500])
def test_the_token_shows_nowhere(
    status: int, bench: Bench, github: Github, all_logs: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the server says back, the token among it."""
    github.faults = [Answer(status, f"no: {SECRET}".encode())] * 4 if status != 200 else []
    done = bench.fetch("github", source(github))
    seen = [repr(done), all_logs.text, "".join(capsys.readouterr()), bench.everything().decode("utf-8", "replace")]
    assert [text for text in seen if SECRET in text] == []
    assert "***" in done.error or status == 200


def test_a_page_that_is_no_longer_known_begins_the_sweep_anew(bench: Bench, github: Github) -> None:
    github.faults = [None, Answer(422, b'{"message":"Validation Failed"}')]
    done = bench.fetch("github", source(github))
    assert (done.state, bench.pauses) == ("ok", [])
    assert set(numbers(bench.files().values())) == set(range(1, 251))
