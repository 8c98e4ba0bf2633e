"""What every use of an AWS service shares: credentials of the environment, and which refusals pass.

Belongs here: AWS's common ground. Does not belong here: any one service.
"""

from __future__ import annotations

from collections.abc import Mapping

_PASSING = ("throttl", "requestlimit", "toomanyrequests", "slowdown", "limitexceeded", "expiredtoken", "requestexpired")
"""Words in the codes of refusals that pass although their status is 4xx."""


def credentials(environment: Mapping[str, str]) -> dict[str, str]:
    """Keys that the environment gives; without them boto3 looks on: profiles, roles, instance metadata."""
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    given = {name: environment[name.upper()] for name in names if environment.get(name.upper())}
    return given if {"aws_access_key_id", "aws_secret_access_key"} <= given.keys() else {}


def is_passing(code: str, status: int) -> bool:
    """Whether a refusal may pass by itself: time-outs, throttling and errors of the server."""
    return any(word in code.lower() for word in _PASSING) or status in (408, 425, 429) or not 400 <= status < 500
