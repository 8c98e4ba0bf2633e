"""What every command and every run shares: settings, policy, the instant looked from, and the open history.

Belongs here: opening these once and closing them. Does not belong here: anything Dagster (``runtime/artifact.py``).
"""

import datetime as dt
import functools
from collections.abc import Mapping

from governance_assets.policy import Policy, digest, judging_text
from governance_assets.runtime import clock
from governance_assets.runtime.alerts.transitions import Alerting
from governance_assets.runtime.history import History, Provenance
from governance_assets.runtime.periods import partition_closes
from governance_assets.runtime.settings import Settings, git_state
from governance_assets.runtime.sources import Intake, read_telemetry

COMMAND_TAG = "governance/command"
ORIGIN_TAG = "governance/origin"


class Workspace:
    """One installation, opened: ``history`` on first use, telemetry read once a run."""

    def __init__(self, settings: Settings, policy: Policy | None = None) -> None:
        self.settings = settings
        self.policy = settings.policy() if policy is None else policy
        self.policy_sha256, self._policy_text = digest(self.policy), judging_text(self.policy)
        self.as_of = settings.looks_from(self.policy)
        self._intake: tuple[str, Intake] | None = None

    @classmethod
    def from_environment(cls) -> "Workspace":
        """The workspace that the environment names."""
        return cls(Settings.from_environment())

    @functools.cached_property
    def history(self) -> History:
        """The history, opened for writing."""
        self.settings.home.mkdir(parents=True, exist_ok=True)
        return History.open(self.settings.history, self.settings.data_path)

    def intake(self, run_id: str) -> Intake:
        """The telemetry as it is now, read once for all artifacts of one run."""
        if self._intake is None or self._intake[0] != run_id:
            self._intake = (run_id, read_telemetry(self.settings.telemetry, self.settings.home, self.policy.intake))
        return self._intake[1]

    def provenance(self, run_id: str, tags: Mapping[str, str]) -> Provenance:
        """Who and what commits: for every ledger entry of one run."""
        revision, is_dirty = git_state()
        return Provenance(
            run_id=run_id,
            as_of=self.as_of,
            code_version="",
            git_revision=revision,
            git_dirty=is_dirty,
            policy_sha256=self.policy_sha256,
            source_commands=(tags.get(COMMAND_TAG, f"dagster run {run_id}"),),
            committed_by=tags.get(ORIGIN_TAG, "dagster"),
            policy_text=self._policy_text,
            alerting=Alerting.by(self.policy.alerts, self.present),
        )

    @property
    def present(self) -> dt.datetime:
        """The installation's present: the instant its telemetry is frozen at, else this one; never the --as-of of a run."""
        return self.policy.clock.as_of or clock.now()

    def is_open(self, grain: str, partition_key: str) -> bool:
        """Whether a partition may still change without being a restatement."""
        closes = partition_closes(grain, partition_key)
        return closes is None or self.as_of < closes

    def close(self) -> None:
        """Close the history if it was opened."""
        if "history" in self.__dict__:
            self.history.close()
            del self.__dict__["history"]

    def __enter__(self) -> "Workspace":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
