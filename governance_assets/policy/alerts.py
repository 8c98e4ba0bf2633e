"""What becomes an alert, who is told, how often and how late."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from governance_assets.policy.base import Section, TimeOfDay, refuse_repeats, setting


class ChannelPolicy(Section):
    """One way out for alerts. What is secret is named by environment variables and never written here."""

    name: str = Field(min_length=1, description="Name that routes refer to")
    kind: Literal["console", "file", "slack_webhook", "slack_bot", "sns", "email", "webhook"] = Field(description="How a message leaves")
    target: str = Field(
        default="", description="File path below home; Slack channel id; topic ARN; mail addresses, separated by commas; URL of a webhook"
    )
    server: str = Field(default="", description="Host and port of the mail server; region or endpoint URL of SNS; base URL of Slack's API")
    sender: str = Field(default="", description="Address that mail comes from")
    secret_env: str = Field(
        default="", description="Environment variable with the webhook URL, bot token, signing key or mail password; empty for none"
    )
    user_env: str = Field(default="", description="Environment variable with the user of the mail server; empty for none")


class Route(Section):
    """Which channels carry which messages: the first route that matches is taken."""

    severities: tuple[Literal["error", "warn", "info"], ...] = Field(
        default=("error", "warn", "info"), min_length=1, description="Severities it takes; info are reminders, notices and recoveries"
    )
    kinds: tuple[str, ...] = Field(default=(), description="Kinds of message it takes; empty for all")
    artifacts: tuple[str, ...] = Field(default=(), description="Artifacts it takes; empty for all")
    channels: tuple[str, ...] = Field(min_length=1, description="Names of the channels that carry them")


class RulePriority(Section):
    """The priority of a failure of one rule."""

    rule: str = Field(min_length=1, description="Name of the rule")
    priority: Literal["P0", "P1", "P2", "P3"] = Field(description="Priority of what it opens")


class EscalationStep(Section):
    """What happens when something stays open for too long; each step is taken once."""

    priority: Literal["P0", "P1", "P2", "P3"] = Field(description="Priority of what is open")
    after_hours: float = Field(gt=0, description="Hours it may stay open; on business days only when is_business_time")
    is_business_time: bool = Field(default=False, description="Whether only the hours of business days count")
    role: str = Field(min_length=1, description="Role that is told")
    action: str = Field(min_length=1, description="What that role is asked to do")
    source: str = Field(default="", description="Inventory ids")

    @property
    def text(self) -> str:
        """The step in words, which also tell it from every other step of its priority."""
        time = "business hours" if self.is_business_time else "hours"
        return f"{self.role}: {self.action} ({self.priority}, open for more than {self.after_hours:g} {time})"


class MissedActivity(Section):
    """An activity of the calendar whose absence is escalated."""

    activity: str = Field(min_length=1, description="Id of the calendar's schedule")
    artifact: str = Field(min_length=1, description="Artifact whose entry in the ledger proves that it took place")
    role: str = Field(min_length=1, description="Role that is told when it is overdue")
    is_urgent: bool = Field(default=False, description="Whether the message is marked urgent")
    source: str = Field(default="", description="Inventory ids")

    @property
    def text(self) -> str:
        """What its role is asked to do, in words."""
        return f"{self.role}: see that {self.activity} takes place{' (urgent)' if self.is_urgent else ''}"


class AlertsPolicy(Section):
    """What becomes an alert, who is told, how often and how late."""

    DELIVERY: ClassVar[set[str]] = {
        *("drain_interval_s", "max_attempts", "backoff_s", "max_backoff_s", "suppression_minutes", "max_messages_per_hour"),
        *("quiet_start", "quiet_end", "quiet_severities", "channels", "routes", "site_url"),
        *("reminders", "max_reminder_age_hours", "status_artifacts"),
        *("reconcile_interval_s", "silent_run_minutes", "lookback_days", "max_queue_minutes", "daemon_silence_s", "min_free_gb"),
    }
    """Values that say how a message is sent and its path is watched; no verdict on an artifact depends on them."""

    max_partition_age_days: float = setting(
        35.0,
        unit="days",
        gt=0,
        source="P",
        why="a verdict on a period that ended earlier is news of the past: backfills are recorded and not sent",
    )
    unknown_after_days: float = setting(
        7.0, unit="days", gt=0, source="P", why="facts that are missing for a week do not come by themselves"
    )
    worse_ratio: float = setting(
        0.5, unit="fraction", gt=0, source="P", why="a miss that has grown by half since it was last told is told again"
    )
    drain_interval_s: int = setting(30, unit="seconds", ge=1, source="P", why="an alert leaves within half a minute")
    reconcile_interval_s: int = setting(
        60, unit="seconds", ge=1, source="P", why="a crash is heard of within a minute; each look asks Dagster for the runs of ten"
    )
    max_attempts: int = setting(8, unit="attempts", ge=1, source="P", why="with the backoff below these span about two hours")
    backoff_s: float = setting(60.0, unit="seconds", gt=0, source="P", why="first pause after a failed attempt; it doubles each time")
    max_backoff_s: float = setting(3600.0, unit="seconds", gt=0, source="P", why="a channel that comes back is used within the hour")
    suppression_minutes: float = setting(
        30.0, unit="minutes", ge=0, source="P", why="what flips back and forth is told once in this time, with what happened meanwhile"
    )
    max_messages_per_hour: int = setting(
        20, unit="messages", ge=1, source="P", why="nobody reads more; the rest of the hour comes as one digest"
    )
    quiet_start: TimeOfDay = setting("22:00", unit="UTC time", source="P", why="warnings and reminders wait for the morning")
    quiet_end: TimeOfDay = setting("06:00", unit="UTC time", source="P", why="end of the quiet hours; equal to the start for none")
    quiet_severities: tuple[Literal["error", "warn", "info"], ...] = setting(
        ("info",), unit="severities", source="P", why="only these wait; an error never does"
    )
    late_after_days: float = setting(
        2.0, unit="days", ge=0, source="P", why="a period that has ended has its figures two days later, or somebody is told"
    )
    silent_run_minutes: float = setting(
        60.0, unit="minutes", gt=0, source="P", why="a run without any event for an hour, whose process is gone or cannot be asked, is dead"
    )
    max_queue_minutes: float = setting(
        30.0, unit="minutes", gt=0, source="P", why="a run that waits or starts for longer than this waits for something that does not come"
    )
    daemon_silence_s: float = setting(
        120.0,
        unit="seconds",
        gt=0,
        source="P",
        why="each of Dagster's daemons reports twice a minute; two minutes of silence are no chance",
    )
    min_free_gb: float = setting(
        1.0, unit="GB", ge=0, source="P", why="a commit needs its rows twice for a moment, and a full disk stops alerts as well"
    )
    lookback_days: float = setting(
        7.0, unit="days", gt=0, source="P", why="how far back runs are reconciled when nothing is known of an earlier look"
    )
    error_priority: Literal["P0", "P1", "P2", "P3"] = setting("P1", unit="priority", source="P", why="a failed rule of severity error")
    warn_priority: Literal["P0", "P1", "P2", "P3"] = setting("P2", unit="priority", source="P", why="a failed rule of severity warn")
    rule_priorities: tuple[RulePriority, ...] = setting(
        (RulePriority(rule="ledger_intact", priority="P0"),),
        unit="priorities",
        source="P",
        why="rules whose failure is more, or less, than their severity says",
    )
    escalation: tuple[EscalationStep, ...] = setting(
        (
            EscalationStep(priority="P0", after_hours=24, role="programme_owner", action="call an emergency meeting", source="C75"),
            EscalationStep(priority="P1", after_hours=7 * 24, role="architect", action="step in", source="C76"),
            EscalationStep(priority="P2", after_hours=14 * 24, role="programme_owner", action="set the priority anew", source="C77"),
            EscalationStep(
                priority="P3", after_hours=30 * 24, role="programme_owner", action="review whether it still matters", source="C78"
            ),
        ),
        unit="steps",
        source="C75 C76 C77 C78",
        why="what stays open goes to the next role",
    )
    missed: tuple[MissedActivity, ...] = setting(
        (
            MissedActivity(activity="repository_sync", artifact="repository_sync", role="programme_owner", source="C71"),
            MissedActivity(activity="plan_update", artifact="plan_dashboard", role="programme_owner", source="C72"),
            MissedActivity(activity="issue_review", artifact="issue_report", role="architect", source="C73"),
            MissedActivity(activity="assessment", artifact="scorecard_360", role="programme_owner", is_urgent=True, source="C74"),
        ),
        unit="activities",
        source="C71 C72 C73 C74",
        why="an activity that did not take place is as loud as one that failed; how late is the calendar's",
    )
    reminders: tuple[str, ...] = setting(
        (
            *("plan_update_reminder", "issue_review_reminder", "assessment_reminder", "assessment_day_reminder"),
            *("preread_reminder", "sweep_reminder", "product_sync_reminder", "post_review_reminder", "quarter_close_reminder"),
        ),
        unit="ids of the calendar",
        source="A08 A10 A13 A16 A17 C10 C23 C38 C39",
        why="these are sent when their time comes; the daily status notes are a habit and need no message",
    )
    max_reminder_age_hours: float = setting(
        24.0, unit="hours", gt=0, source="P", why="a reminder that could not be sent for a day is noise: it is recorded and not sent"
    )
    status_artifacts: tuple[str, ...] = setting(
        ("forecast_scores", "calibration_metrics", "relative_skill"),
        unit="artifacts",
        source="B22",
        why="the nightly message tells how these stand; it follows their nightly run",
    )
    channels: tuple[ChannelPolicy, ...] = setting(
        (ChannelPolicy(name="console", kind="console"), ChannelPolicy(name="file", kind="file", target="alerts/alerts.jsonl")),
        unit="channels",
        min_length=1,
        source="C89",
        why="both work with no account and no configuration",
    )
    routes: tuple[Route, ...] = setting(
        (Route(channels=("console", "file")),), unit="routes", min_length=1, source="C89", why="every message has a way out"
    )
    site_url: str = setting("", unit="URL", source="P", why="where the site is served; links are file paths when empty")

    def steps_of(self, priority: str) -> tuple[EscalationStep, ...]:
        """The steps for what has this priority, the earliest first."""
        return tuple(sorted((step for step in self.escalation if step.priority == priority), key=lambda step: step.after_hours))

    @model_validator(mode="after")
    def _every_message_has_a_way(self) -> AlertsPolicy:
        names = [channel.name for channel in self.channels]
        for repeatable in (names, [step.text for step in self.escalation], [one.activity for one in self.missed]):
            refuse_repeats(repeatable)
        unknown = sorted({name for route in self.routes for name in route.channels} - set(names))
        if unknown:
            raise ValueError(f"routes name unknown channels {', '.join(unknown)}; known are {', '.join(names)}")
        last = self.routes[-1]
        if len(last.severities) < 3 or last.kinds or last.artifacts:
            raise ValueError("the last route must take every message, or some would have no way out; end with one that names channels only")
        return self
