"""The README names what there is: every artifact, every command, every setting, and the two commands first."""

import re
from pathlib import Path

import click

import governance_assets.definitions  # noqa: F401  (declares the artifacts)
from governance_assets.cli import main
from governance_assets.domains import FLOW
from governance_assets.runtime.artifact import DECLARATIONS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_two_commands_come_first() -> None:
    commands = [line.split()[:2] for line in README.splitlines()[1:6] if line.startswith("    ")]
    assert commands == [["make", "demo"], ["make", "test"]]


def test_every_artifact_is_in_the_table() -> None:
    missing = [
        name for name, one in DECLARATIONS.items() if one.contract.__module__.startswith("governance_assets.") and f"`{name}`" not in README
    ]
    assert missing == []


def test_the_table_follows_the_flow_of_domains() -> None:
    domains = re.findall(r"^\| (\w+) \| `", README, re.MULTILINE)
    places = [FLOW.index(domain) for domain in domains if domain in FLOW]
    assert len(places) > len(FLOW)
    assert places == sorted(places)


def test_every_command_is_named() -> None:
    assert isinstance(main, click.Group)
    assert [name for name in main.commands if f"governance {name}" not in README] == []


def test_every_setting_is_named() -> None:
    settings = (ROOT / "governance_assets" / "runtime" / "settings.py").read_text(encoding="utf-8")
    names = set(re.findall(r"GOVERNANCE_[A-Z_]+", settings))
    assert names
    assert [name for name in names if name not in README] == []


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"`make ([a-z]+)`", README)) | {"demo", "test"}
    assert [name for name in named if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []
