"""Where everything is: home, telemetry, history, and the policy in force.

Belongs here: reading the environment, ``governance.yaml`` and the state of the code. Does not belong here: any threshold
(``policy/``) or the Dagster instance (``runtime/instance.py``).
"""

import datetime as dt
import functools
import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from governance_assets.domains import FLOW
from governance_assets.policy import Policy, PolicyError, policy_from
from governance_assets.runtime import clock

POLICY_FILE = "governance.yaml"
EVALUATION_SETS_FILE = "eval_sets.json"
_PACKAGE = Path(__file__).parents[1]


class SettingsError(ValueError):
    """A setting that cannot be used; the message says which, what was found and what to do."""


@dataclass(frozen=True)
class Settings:
    """Paths and locations of one installation."""

    home: Path
    telemetry: Path
    history: str
    data_path: str | None
    policy_file: Path | None
    as_of: dt.datetime | None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Settings from ``GOVERNANCE_*`` variables, with the defaults of the README."""
        env = os.environ if environment is None else environment
        home = Path(env.get("GOVERNANCE_HOME", "data")).absolute()
        policy_file = env.get("GOVERNANCE_POLICY")
        return cls(
            home=home,
            telemetry=Path(env.get("GOVERNANCE_TELEMETRY", "data/sample")).absolute(),
            history=env.get("GOVERNANCE_HISTORY", f"ducklake:sqlite:{home / 'history' / 'catalog.sqlite'}"),
            data_path=env.get("GOVERNANCE_DATA_PATH"),
            policy_file=Path(policy_file).absolute() if policy_file else None,
            as_of=parse_instant(env["GOVERNANCE_AS_OF"], "GOVERNANCE_AS_OF") if env.get("GOVERNANCE_AS_OF") else None,
        )

    def site(self) -> Path:
        """Folder of the static site."""
        return self.home / "site"

    def dagster_home(self) -> Path:
        """Folder of the Dagster instance."""
        return self.home / "dagster"

    def policy(self) -> Policy:
        """The policy in force: defaults, then ``governance.yaml``, then the named filters of ``eval_sets.json``."""
        path = self.policy_file or self.telemetry / POLICY_FILE
        overrides = _yaml(path) if path.exists() or self.policy_file else None
        sets = self.telemetry / EVALUATION_SETS_FILE
        if sets.exists() and isinstance(overrides, Mapping | None):
            overrides = dict(overrides or {})
            overrides["calibration"] = {"evaluation_sets": _evaluation_sets(sets)} | dict(overrides.get("calibration") or {})
        try:
            return policy_from(overrides)
        except PolicyError as error:
            raise PolicyError(f"{path.name}: {error}") from None

    def looks_from(self, policy: Policy) -> dt.datetime:
        """The as-of instant of a run: the setting, else the policy's frozen instant, else this instant."""
        return self.as_of or policy.clock.as_of or clock.now()


def parse_instant(text: str, name: str) -> dt.datetime:
    """An ISO instant, UTC when no offset is written. Raises SettingsError naming ``name``."""
    try:
        instant = dt.datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{name}: found {text!r}, expected an ISO instant; write it as 2025-11-20T00:00Z") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=dt.UTC)


def _yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PolicyError(f"{path.name}: no such file; point GOVERNANCE_POLICY at a policy file or unset it") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path.name}: found text that is not YAML ({' '.join(str(error).split())}); mend the line it names") from None


def _evaluation_sets(path: Path) -> list[dict[str, Any]]:
    """Named filters written as a JSON list of objects: ``eval_set`` is the name, every other key a filter column."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(entries, list) or not entries:
            raise TypeError(f"found {type(entries).__name__} of {len(entries)}")
        return [
            {
                "name": entry["eval_set"],
                "filters": {key: [str(value) for value in values] for key, values in entry.items() if key != "eval_set"},
            }
            for entry in entries
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        expected = "a list of objects with eval_set and lists of values"
        raise PolicyError(f"{path.name}: expected {expected} ({error}); mend or remove it") from None


_FROM_RUNTIME = {
    "intake": ("sources/*.py", "sources/live/records.py"),
    "health": ("periods.py", "due_dates.py", "calendar.py", "alerts/incidents.py", "alerts/escalation.py"),
}
"""What of the runtime sways the artifacts of a domain."""


@functools.cache
def code_version(domain: str) -> str:
    """Digest of the code that can sway an artifact of ``domain``: its own files, contracts before it, statistics, shared types, runtime."""
    files = [*(_PACKAGE / "domains" / domain).glob("*.py"), *(_PACKAGE / "stats").glob("*.py")]
    before = FLOW[: FLOW.index(domain)] if domain in FLOW else ()
    files += [path for name in before if (path := _PACKAGE / "domains" / name / "contracts.py").exists()]
    files += [path for pattern in _FROM_RUNTIME.get(domain, ()) for path in (_PACKAGE / "runtime").glob(pattern)]
    files += [_PACKAGE / name for name in ("contract.py", "finding.py")]
    total = hashlib.sha256()
    for path in sorted(files):
        total.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()


@functools.cache
def git_state() -> tuple[str | None, bool | None]:
    """Commit of the checkout the package runs from and whether it has uncommitted changes; None, None outside a checkout."""
    inside = _git("ls-files", "--error-unmatch", "contract.py")
    revision = _git("rev-parse", "HEAD") if inside else None
    return (revision.strip(), bool(_git("status", "--porcelain", "--", "."))) if revision else (None, None)


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(_PACKAGE), *arguments], capture_output=True, text=True, timeout=10, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
