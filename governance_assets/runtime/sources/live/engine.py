"""One fetch of one source: pages land as they come, pauses are kept, and what broke off goes on the next time.

Belongs here: repeating, waiting, and what is recorded of a fetch. Does not belong here: any one source, or Dagster.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from governance_assets.policy.sources import LiveSource, SourcesPolicy
from governance_assets.runtime import aws, clock
from governance_assets.runtime.alerts.channels import foreign
from governance_assets.runtime.sources.live import COVERED, Ask, Cursor, Kind, NotConfigured, SourceError, instant, kind, records
from governance_assets.runtime.sources.live.landing import KEPT, FetchRunning, Landing

_SHOWN = 400
_BULKY = ("etags", "weeks")


@dataclass(frozen=True)
class Fetched:
    """How one fetch ended; a line of the record, but for what only the caller needs."""

    state: str
    pages: int = 0
    records: int = 0
    files: int = 0
    waited_s: float = 0.0
    covered_until: str | None = None
    gap_until: str | None = None
    not_before: str | None = None
    cursor: str = ""
    error: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether everything up to now has landed."""
        return self.state == records.OK


@dataclass(frozen=True)
class Places:
    """Where a fetch lands and remembers."""

    home: Path
    telemetry: Path


def fetch(
    name: str,
    source: LiveSource,
    policy: SourcesPolicy,
    places: Places,
    environment: Mapping[str, str],
    *,
    now: Callable[[], dt.datetime] = clock.now,
    sleep: Callable[[float], None] = time.sleep,
) -> Fetched:
    """Fetch one source of the kind called ``name`` from where the last fetch came to, and record how it went.

    What cannot be fetched is no error here: it is recorded, and judged as source_fetches. Raises FetchRunning.
    """
    found = kind(name)
    landing = Landing.of(places.home, places.telemetry, found.folder, name, source.stream)
    with landing.locked():
        began = now()
        pause_until = _pause_until(landing, began)
        landing.note({"event": records.BEGAN, "at": began.isoformat()})
        run = _Run(found, source, landing, Ask(policy, environment, landing.memory / KEPT, now), sleep, began)
        try:
            done = run.refused_until(pause_until) if pause_until else run.through()
        except BaseException as error:
            run.note(run.broken(f"the fetch was stopped ({type(error).__name__})"))
            raise
        secrets = (*(environment.get(getattr(source, "token_env", ""), ""),), *aws.credentials(environment).values())
        done = replace(done, error=foreign(done.error, secrets, limit=_SHOWN))
        run.note(done)
        return done


def _pause_until(landing: Landing, present: dt.datetime) -> dt.datetime | None:
    """Until when the source asked not to be asked, if that has not come yet."""
    last = records.Record.read(landing.memory).ended
    until = instant(last.get("not_before")) if last else None
    return until if until and until > present else None


class _Run:
    """One fetch under way."""

    def __init__(
        self, found: Kind, source: LiveSource, landing: Landing, ask: Ask, sleep: Callable[[float], None], began: dt.datetime
    ) -> None:
        self._kind, self._source, self._landing, self._ask, self._sleep, self._began = found, source, landing, ask, sleep, began
        self._cursor: Cursor = {}
        self._pages = self._records = self._files = 0
        self._waited = 0.0
        self._has_begun_anew = False

    def through(self) -> Fetched:
        """All pages there are, with as many repeats as the policy allows."""
        failures = 0
        try:
            self._cursor = self._landing.cursor()
            while True:
                pages_before = self._pages
                try:
                    return self._to_the_end()
                except SourceError as error:
                    failures = 1 if self._pages > pages_before else failures + 1
                    gives_up = self._wait(error, failures)
                    if gives_up is not None:
                        return gives_up
        except NotConfigured as error:
            return self._ended(records.NOT_CONFIGURED, str(error))
        except SourceError as error:
            return self.broken(str(error))
        except OSError as error:
            return self.broken(f"a file could not be written or read ({error.strerror or error}); make room or mend its rights")

    def _to_the_end(self) -> Fetched:
        for page in self._kind.pages(self._source, self._cursor, self._ask):
            if self._pages >= self._ask.policy.max_pages:
                return self.broken(f"the run has had its {self._pages} pages; the next one goes on behind them")
            self._files += self._landing.take(page)
            self._cursor = dict(page.cursor)
            self._records += page.records
            self._pages += page.body is not None
        self._landing.forget_waiting()
        return self._ended(records.OK, "")

    def _wait(self, error: SourceError, failures: int) -> Fetched | None:
        """Pause before the next attempt; how the fetch ended when there is none."""
        policy = self._ask.policy
        if error.forgets is not None and not self._has_begun_anew:
            self._has_begun_anew, self._cursor = True, dict(error.forgets)
            self._landing.remember(self._cursor)
            self._landing.forget_waiting()
            return None
        if error.is_permanent or failures >= policy.max_attempts:
            return self.broken(str(error), error.retry_after_s)
        doubled = min(policy.backoff_s * 2 ** (failures - 1), policy.max_backoff_s)
        wait = doubled if error.retry_after_s is None else error.retry_after_s
        if self._waited + wait > policy.max_wait_s:
            return self.broken(str(error), wait)
        self._sleep(wait)
        self._waited += wait
        return None

    def refused_until(self, until: dt.datetime) -> Fetched:
        """A fetch that asks nothing, for the source wants none yet."""
        self._cursor = self._landing.cursor()
        done = self.broken(f"the source asked for a pause until {until.isoformat(timespec='seconds')}; it was not asked")
        return replace(done, not_before=until.isoformat())

    def broken(self, error: str, pause_s: float | None = None) -> Fetched:
        """A fetch that did not come to its end: partial when it landed something."""
        until = (self._ask.now() + dt.timedelta(seconds=pause_s)).isoformat() if pause_s else None
        return replace(self._ended(records.PARTIAL if self._pages else records.FAILED, error), not_before=until)

    def _ended(self, state: str, error: str) -> Fetched:
        shown = {key: value for key, value in self._cursor.items() if key not in _BULKY}
        return Fetched(
            state,
            self._pages,
            self._records,
            self._files,
            self._waited,
            covered_until=self._cursor.get(COVERED),
            gap_until=None if state == records.OK else self._began.isoformat(),
            cursor=json.dumps(shown, sort_keys=True)[:_SHOWN],
            error=error,
        )

    def note(self, done: Fetched) -> None:
        """Write how the fetch ended."""
        line: dict[str, Any] = {"event": records.ENDED, "at": self._ask.now().isoformat(), **asdict(done)}
        self._landing.note(line)


__all__ = ["FetchRunning", "Fetched", "Places", "fetch"]
