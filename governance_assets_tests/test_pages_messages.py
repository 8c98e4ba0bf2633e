"""Messages: JSON and back, titles, text, Slack blocks and HTML, and foreign text that does no harm in any of them."""

from __future__ import annotations

import datetime as dt
import html.parser
import json
import math
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance_assets.pages.messages import Line, Message, as_html, as_slack, as_text, from_json, slack_escaped, title, to_json
from governance_assets_tests.channel_samples import HOSTILE, NOW, hostile, line, message

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
INSTANT = st.datetimes(timezones=st.just(dt.UTC))
LINES = st.builds(
    Line,
    alerts=st.lists(st.integers(1, 10**6), max_size=3).map(tuple),
    value=st.none() | FINITE,
    limit=st.none() | FINITE,
    unit=st.none() | TEXT,
    since=st.none() | INSTANT,
    trend=st.lists(FINITE, max_size=4).map(tuple),
    **dict.fromkeys(
        ("incident", "kind", "artifact", "rule", "subject", "partition_key", "outcome", "severity", "message", "remedy", "owner", "link"),
        TEXT,
    ),
    step=TEXT,
)
MESSAGES = st.builds(
    Message,
    key=TEXT,
    kind=st.sampled_from(["failing", "recovered", "digest", "reminder", "test", "else"]) | TEXT,
    severity=st.sampled_from(["error", "warn", "info"]),
    lines=st.lists(LINES, max_size=4).map(tuple),
    is_grouped=st.booleans(),
    ledger_head=TEXT,
    created_at=INSTANT,
)


@given(MESSAGES)
@settings(max_examples=60, deadline=None)
def test_json_and_back_is_the_same_message(told: Message) -> None:
    assert from_json(json.loads(json.dumps(to_json(told), allow_nan=False))) == told


def test_figures_that_are_not_finite_become_null() -> None:
    document = to_json(message(line(value=math.nan, limit=math.inf, trend=(0.5, math.nan))))
    assert [document["lines"][0][name] for name in ("value", "limit", "trend")] == [None, None, [0.5, None]]
    back = from_json(document)
    assert back.lines[0].value is None
    assert math.isnan(back.lines[0].trend[1])


def test_an_instant_without_offset_is_written_as_utc() -> None:
    assert to_json(message(created_at=dt.datetime(2025, 1, 2)))["created_at"] == "2025-01-02T00:00:00+00:00"


def test_what_is_missing_in_a_stored_message_is_named() -> None:
    document = to_json(message())
    with pytest.raises(ValueError, match="a stored message has no kind, lines"):
        from_json({name: value for name, value in document.items() if name not in ("kind", "lines")})
    with pytest.raises(ValueError, match="a stored line has no remedy"):
        from_json(document | {"lines": [{name: value for name, value in document["lines"][0].items() if name != "remedy"}]})
    older = {name: value for name, value in document["lines"][0].items() if name != "step"}
    assert from_json(document | {"lines": [older], "title": "more than is known"}) == message()


WHAT = "calibration_metrics: coverage_holds — team-b"
BARE = {"artifact": "", "rule": "", "subject": "", "partition_key": ""}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (message(), f"FAIL {WHAT} (2025-11-03)"),
        (message(line(severity="warn")), f"WARNING {WHAT} (2025-11-03)"),
        (message(line(outcome="error")), f"BROKEN {WHAT} (2025-11-03)"),
        (message(line(kind="recovered"), kind="recovered"), f"RECOVERED {WHAT} (2025-11-03)"),
        (message(line(kind="waiver_expired", partition_key=""), kind="waiver_expired"), f"WAIVER EXPIRED {WHAT}"),
        (message(line(**BARE | {"kind": "test", "subject": "console"})), "TEST console"),
        (message(line(**BARE | {"kind": "notice", "message": "Assessment is near"})), "NOTICE Assessment is near"),
        (message(line(), line(artifact="x"), line(), is_grouped=True), f"3 failures, cause: {WHAT} (2025-11-03)"),
        (message(line(), line(subject="team-c")), "2 failures: calibration_metrics"),
        (message(*(line(artifact=f"a{n}") for n in range(5))), "5 failures: a0, a1, a2 and 2 more"),
        (message(line(), line(), kind="recovered"), "2 recoveries: calibration_metrics"),
        (message(*[line()] * 12, kind="digest"), "digest: 12 entries"),
        (message(kind="digest"), "digest: 1 entry"),
        (message(line(), line(), kind="odd"), "2 alerts: calibration_metrics"),
        (Message("k", "test", "info", (), False, "", NOW), "TEST"),
    ],
)
def test_titles(told: Message, expected: str) -> None:
    assert title(told) == expected


def test_text_says_what_since_when_trend_remedy_owner_link_key_and_ledger() -> None:
    assert as_text(message()).splitlines() == [
        "FAIL calibration_metrics: coverage_holds — team-b (2025-11-03)",
        "",
        "What     team-b misses “intervals hold what they promise”",
        "Value    65.0 %, limit 75.0 %",
        "Since    2025-11-10 06:30 UTC",
        "Trend    71.0 % → 68.0 % → 65.0 %",
        "Remedy   Refit the spread of team-b",
        "Owner    forecast_owner",
        "Link     https://governance.example/calibration_metrics.html?week=2025-11-03&model=team-b",
        "",
        "Key      5f1d7c2e9a",
        "Ledger   " + "c0ffee" * 10,
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"value": 3.0, "limit": 2.0, "unit": "days"}, "Value    3 days, limit 2 days"),
        ({"value": 3.0, "limit": None, "unit": None}, "Value    3"),
        ({"value": None, "limit": 2.0, "unit": "days"}, "Value    –, limit 2 days"),
        ({"value": 0.74999, "limit": 0.75}, "Value    74.999 %, limit 75 %"),
        ({"value": 1000.04, "limit": 1000.0, "unit": "ms"}, "Value    1000.04 ms, limit 1000 ms"),
        ({"step": "step in"}, "Step     step in"),
    ],
)
def test_figures_and_steps_in_the_text(changes: dict[str, object], expected: str) -> None:
    assert expected in as_text(message(line(**changes))).splitlines()


def test_what_is_absent_takes_no_line() -> None:
    bare = line(value=None, limit=None, since=None, trend=(0.5,), remedy="", owner="", link="", message="")
    assert as_text(message(bare, ledger_head="")).splitlines()[1:] == ["", "", "", "Key      5f1d7c2e9a", "Ledger   nothing is sealed yet"]
    assert [block["type"] for block in as_slack(message(bare))] == ["header", "section", "context"]


def test_many_lines_are_numbered_and_the_rest_is_counted() -> None:
    text = as_text(message(*[line()] * 120, is_grouped=True))
    assert "\n1. Cause: FAIL calibration_metrics" in text
    assert "\n100. FAIL calibration_metrics" in text
    assert "101. " not in text
    assert "… and 20 more lines" in text
    assert "… and 20 more lines" in as_html(message(*[line()] * 120))


def harmful(text: str) -> list[str]:
    """Characters that steer a terminal or turn the reading direction."""
    marks = set("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    return [c for c in text if c != "\n" and (unicodedata.category(c) in ("Cc", "Cs") or c in marks)]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_stays_on_its_line_and_steers_nothing(text: str) -> None:
    told = hostile(text)
    heading = title(told)
    assert "\n" not in heading
    assert len(heading) <= 200
    shown = as_text(told)
    assert harmful(heading + shown + as_html(told) + json.dumps(as_slack(told), ensure_ascii=False)) == []
    labels = {"What", "Value", "Since", "Trend", "Step", "Remedy", "Owner", "Link", "Key", "Ledger"}
    assert all(re.match(r"\d\. ", row) or row.split()[0] in labels for row in shown.splitlines()[1:] if row)
    assert max(map(len, shown.splitlines())) <= 2_009
    shown.encode()


class Tags(html.parser.HTMLParser):
    """Collects the elements, attributes and text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [str(value) for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    tags.close()
    return tags


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_makes_no_element_in_the_mail(text: str) -> None:
    tags = parsed(as_html(hostile(text)))
    assert tags.elements <= {"html", "head", "meta", "title", "body", "h1", "h2", "table", "tr", "th", "td", "a"}
    assert tags.attributes <= {"lang", "charset", "style", "role", "dir", "href", "rel"}
    assert all(address.startswith("https://governance.example/") for address in tags.addresses)


def test_the_mail_shows_hostile_text_as_it_is_written() -> None:
    assert "<script>alert(1)</script>" in parsed(as_html(hostile(HOSTILE["script"]))).text
    assert HOSTILE["entity"] in parsed(as_html(hostile(HOSTILE["entity"]))).text


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "http://[",
        "//evil.example",
        "site/page.html",
        "https://a b",
        "https://",
    ],
)
def test_only_web_addresses_become_links(link: str) -> None:
    told = message(line(link=link))
    assert parsed(as_html(told)).addresses == []
    assert "mrkdwn" not in json.dumps(as_slack(told))
    assert link in as_text(told)
    assert link in json.dumps(as_slack(told))


def slack_texts(blocks: list[dict[str, object]]) -> list[dict[str, object]]:
    """Every text object of the blocks."""
    found: list[dict[str, object]] = []

    def walk(part: object) -> None:
        if isinstance(part, dict):
            if part.get("type") in ("plain_text", "mrkdwn"):
                found.append(part)
            for inner in part.values():
                walk(inner)
        elif isinstance(part, list):
            for inner in part:
                walk(inner)

    walk(blocks)
    return found


def assert_slack_takes(blocks: list[dict[str, object]]) -> None:
    assert 1 <= len(blocks) <= 50
    assert len(json.dumps(blocks)) <= 10_000
    for block in blocks:
        limits = {"header": 150, "section": 3_000, "context": 2_000}
        assert all(1 <= len(str(text["text"])) <= limits[str(block["type"])] for text in slack_texts([block]))
        assert len(block.get("fields", [])) <= 10  # type: ignore[arg-type]
        assert all(len(text["text"]) <= 2_000 for text in block.get("fields", []))  # type: ignore[attr-defined]
    for text in slack_texts(blocks):
        if text["type"] == "plain_text":
            assert re.search(r"[<>]|&(?!(amp|lt|gt);)", str(text["text"])) is None
            assert text["emoji"] is False
        else:
            assert re.fullmatch(r"<https?://[^<>|\s]+\|Open the page>", str(text["text"]))
            assert re.search(r"&(?!amp;)", str(text["text"])) is None


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_mentions_nobody_and_breaks_no_limit_of_slack(text: str) -> None:
    assert_slack_takes(as_slack(hostile(text)))
    assert re.search(r"[<>]|&(?!(amp|lt|gt);)", slack_escaped(title(hostile(text)))) is None


@given(MESSAGES)
@settings(max_examples=60, deadline=None)
def test_any_message_is_taken_by_slack_and_by_mail(told: Message) -> None:
    assert_slack_takes(as_slack(told))
    assert "script" not in parsed(as_html(told)).elements
    assert harmful(as_text(told)) == []


@pytest.mark.parametrize("n_lines", [1, 2, 16, 17, 48, 49, 50, 1_000])
@pytest.mark.parametrize("text", ["short", "<" * 4_000], ids=["short", "long"])
def test_many_lines_fit_into_a_slack_message_and_the_rest_is_counted(n_lines: int, text: str) -> None:
    blocks = as_slack(message(*(line(subject=f"{text} {n}", message=text) for n in range(n_lines))))
    assert_slack_takes(blocks)
    shown = sum(block["type"] == "section" for block in blocks)
    told = [text["text"] for text in slack_texts(blocks) if "more line" in str(text["text"])]
    assert shown >= 1
    assert told == ([] if shown == n_lines else [f"… and {n_lines - shown:,} more line{'s' if n_lines - shown > 1 else ''}"])


def test_slack_blocks_say_everything() -> None:
    said = "\n".join(str(text["text"]) for text in slack_texts(as_slack(message())))
    expected = ["FAIL calibration_metrics", "65.0 %, limit 75.0 %", "2025-11-10 06:30 UTC", "71.0 % → 68.0 % → 65.0 %", "Refit the spread"]
    expected += ["forecast_owner", "week=2025-11-03&amp;model=team-b|Open the page", "5f1d7c2e9a", "c0ffee"]
    assert [text for text in expected if text not in said] == []


def test_the_mail_says_everything() -> None:
    tags = parsed(as_html(message()))
    expected = ["FAIL calibration_metrics", "65.0 %, limit 75.0 %", "2025-11-10 06:30 UTC", "71.0 % → 68.0 % → 65.0 %", "Refit the spread"]
    expected += ["forecast_owner", "5f1d7c2e9a", "c0ffee"]
    assert [text for text in expected if text not in tags.text] == []
    assert tags.addresses == ["https://governance.example/calibration_metrics.html?week=2025-11-03&model=team-b"]
