"""What every channel promises: built from policy and environment, refused with what is missing, and no secret in any text."""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from governance_assets.policy import AlertsPolicy
from governance_assets.policy.alerts import ChannelPolicy
from governance_assets.runtime import clock
from governance_assets.runtime.alerts import channels
from governance_assets.runtime.alerts.channels import LONGEST_PAUSE_S, NotConfigured
from governance_assets_tests.channel_samples import SECRET, message

TOPIC = "arn:aws:sns:eu-west-1:123456789012:alerts"
WORKING: dict[str, dict[str, str]] = {
    "console": {},
    "file": {"target": "alerts/alerts.jsonl"},
    "slack_webhook": {"secret_env": "HOOK"},
    "slack_bot": {"secret_env": "TOKEN", "target": "C012345"},
    "sns": {"target": TOPIC},
    "email": {
        "server": "mail.example.org",
        "sender": "a@example.org",
        "target": "b@example.org",
        "user_env": "USER_ID",
        "secret_env": "TOKEN",
    },
    "webhook": {"target": "https://receiver.example/alerts", "secret_env": "TOKEN"},
}
ENVIRONMENT = {"HOOK": f"https://hooks.example/{SECRET}", "TOKEN": SECRET, "USER_ID": "governance", "AWS_SECRET_ACCESS_KEY": SECRET} | {
    "AWS_ACCESS_KEY_ID": SECRET
}


def entry(kind: Any, **changes: str) -> ChannelPolicy:
    return ChannelPolicy(name="out", kind=kind, **WORKING[kind] | changes)


@pytest.mark.parametrize("kind", get_args(ChannelPolicy.model_fields["kind"].annotation))
def test_every_kind_of_the_policy_is_built_and_hides_its_secret(kind: str, tmp_path: Path) -> None:
    channel = channels.build(entry(kind), ENVIRONMENT, tmp_path)
    assert channel.name == "out"
    assert SECRET not in repr(channel)
    assert list(tmp_path.iterdir()) == []


def test_the_channels_of_the_default_policy_need_no_environment(tmp_path: Path) -> None:
    names = [channels.build(one, {}, tmp_path).name for one in AlertsPolicy().channels]
    assert names == ["console", "file"]


MISSING = [
    ("file", {"target": ""}, "target is empty"),
    ("file", {"target": "/etc/alerts.jsonl"}, "leads out of home"),
    ("file", {"target": "../alerts.jsonl"}, "leads out of home"),
    ("slack_webhook", {"secret_env": ""}, "secret_env is empty"),
    ("slack_webhook", {"secret_env": "ABSENT"}, "environment variable ABSENT is not set"),
    ("slack_webhook", {"secret_env": "EMPTY"}, "environment variable EMPTY is not set or empty"),
    ("slack_webhook", {"secret_env": "PLAIN_HTTP"}, "variable PLAIN_HTTP holds no usable address"),
    ("slack_webhook", {"secret_env": "FILE_URL"}, "variable FILE_URL holds no usable address"),
    ("slack_webhook", {"secret_env": "BROKEN_URL"}, "variable BROKEN_URL holds no usable address"),
    ("slack_webhook", {"secret_env": "TWO_LINES"}, "variable TWO_LINES holds line breaks"),
    ("slack_bot", {"target": ""}, "target is empty"),
    ("slack_bot", {"secret_env": "TWO_LINES"}, "variable TWO_LINES holds line breaks"),
    ("slack_bot", {"server": "http://slack.example/api"}, "server holds no usable address"),
    ("sns", {"target": ""}, "target is empty"),
    ("sns", {"target": "alerts"}, "expected a topic such as"),
    ("sns", {"target": "arn:aws:sqs:eu-west-1:123456789012:alerts"}, "expected a topic such as"),
    ("sns", {"server": "file:///tmp/x"}, "server holds no usable address"),
    ("email", {"server": ""}, "server is empty"),
    ("email", {"server": "mail.example.org:port"}, "expected host and port"),
    ("email", {"server": "user@mail.example.org"}, "expected host and port"),
    ("email", {"server": "smtp://mail.example.org"}, "expected host and port"),
    ("email", {"sender": ""}, "sender is empty"),
    ("email", {"sender": "a@example.org\r\nBcc: c@example.org"}, "expected a mail address"),
    ("email", {"target": "b@example.org, c"}, "found 'c' in target"),
    ("email", {"target": "Team <b@example.org>"}, "expected a mail address"),
    ("email", {"target": " , "}, "names no mail address"),
    ("email", {"user_env": ""}, "both user_env and secret_env"),
    ("email", {"secret_env": "ABSENT"}, "environment variable ABSENT is not set"),
    ("webhook", {"target": ""}, "target is empty"),
    ("webhook", {"target": "file:///etc/passwd"}, "target holds no usable address"),
    ("webhook", {"target": "ftp://receiver.example"}, "target holds no usable address"),
    ("webhook", {"target": "https://"}, "target holds no usable address"),
    ("webhook", {"target": "https://receiver.example:99999/"}, "target holds no usable address"),
    ("webhook", {"target": "https://receiver.example/a b"}, "target holds no usable address"),
    ("webhook", {"target": f"https://user:{SECRET}@receiver.example/"}, "carries a user or password"),
    ("webhook", {"secret_env": "ABSENT"}, "environment variable ABSENT is not set"),
]


@pytest.mark.parametrize(("kind", "changes", "expected"), MISSING, ids=[f"{kind}-{n}" for n, (kind, _, _) in enumerate(MISSING)])
def test_what_is_missing_is_named_and_no_secret_shown(kind: str, changes: dict[str, str], expected: str, tmp_path: Path) -> None:
    environment = ENVIRONMENT | {
        "EMPTY": "  ",
        "PLAIN_HTTP": f"http://hooks.example/{SECRET}",
        "FILE_URL": f"file:///{SECRET}",
        "BROKEN_URL": f"https://[{SECRET}",
        "TWO_LINES": f"{SECRET}\nX-More: yes",
    }
    with pytest.raises(NotConfigured, match="channel out: ") as caught:
        channels.build(entry(kind, **changes), environment, tmp_path)
    assert expected in str(caught.value)
    assert SECRET not in repr(caught.value)


@pytest.mark.parametrize(
    ("kind", "package", "extra"), [("slack_webhook", "slack_sdk", "slack"), ("slack_bot", "slack_sdk", "slack"), ("sns", "boto3", "aws")]
)
def test_a_package_that_is_not_installed_is_named(
    kind: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else found(name))
    with pytest.raises(NotConfigured, match=rf"the package {package} is not installed; install governance-assets\[{extra}\]"):
        channels.build(entry(kind), ENVIRONMENT, tmp_path)


def test_building_channels_loads_no_package_of_theirs() -> None:
    code = (
        "import json, sys\nfrom pathlib import Path\nfrom governance_assets.policy.alerts import ChannelPolicy\n"
        "from governance_assets.runtime.alerts import channels\nentries, environment = json.loads(sys.argv[1])\n"
        "[channels.build(ChannelPolicy(**entry), environment, Path('.')) for entry in entries]\n"
        "print([name for name in ('slack_sdk', 'boto3', 'botocore', 'dagster') if name in sys.modules])"
    )
    given = json.dumps([[entry(kind).model_dump() for kind in WORKING], ENVIRONMENT])
    done = subprocess.run([sys.executable, "-c", code, given], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("30", 30.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("Thu, 20 Nov 2025 08:31:30 GMT", 90.0),
        ("Thu, 20 Nov 2025 08:00:00 GMT", 0.0),
        ("999999999", LONGEST_PAUSE_S),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
    ],
)
def test_the_pause_a_receiver_asks_for(header: str | None, expected: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: dt.datetime(2025, 11, 20, 8, 30, tzinfo=dt.UTC))
    assert channels.pause(header) == expected


def test_foreign_text_is_cut_and_secrets_are_struck_out() -> None:
    said = channels.foreign(f"bad\r\n{SECRET} \x1b[31m czNudGluZWwtbmV2ZXItc2hvd24tNDFjMg== " + "x" * 500, (SECRET, ""))
    assert said.startswith("bad *** \ufffd[31m *** xxx")
    assert len(said) <= 200


@pytest.mark.parametrize(("key", "expected"), [("a-1/B:é\n", "a-1/B:%C3%A9%0A"), ("x y%", "x%20y%25"), ("5f1d7c2e9a", "5f1d7c2e9a")])
def test_a_key_is_fit_for_a_header(key: str, expected: str) -> None:
    assert channels.header_key(message(key=key)) == expected
