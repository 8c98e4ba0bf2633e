"""Made-up registrations, a feature catalogue, results of critics, test runs, proposals and timed operations, with planted defects.

Belongs here: these small files and the truth about them. Does not belong here: the rest of the sample (``sample.py``) or writing files
(``runtime/telemetry_writer.py``). Nothing here is random.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_REGISTRATION = (
    *("model_id", "version", "status", "engine", "created_at", "features", "metrics", "data_digest", "intended_use", "limitations"),
    *("exposure", "owner", "validator", "approver", "validated_on"),
)
_ROLES = ("modelling_lead", "data_quality_steward", "director")
_ORDERS = "Report weekly orders to those who plan staff"
_BUDGETS = "Decide how a media budget is split over channels from one quarter to the next"
_REGISTRATIONS = (
    (
        *("atlas", "1", "incumbent", "autoregression", "2024-01-01T08:00:00Z", "past orders", '{""wis"": 359}', "sha256:a1", _ORDERS),
        *("Says nothing of single days", "medium", *_ROLES, "2025-09-01"),
    ),
    (
        *("boreas", "1", "incumbent", "autoregression", "2024-01-01T08:00:00Z", "past orders", '{""wis"": 409}', "sha256:b1", _ORDERS),
        *("Says nothing of single days", "medium", "modelling_lead", "director", "director", "2025-09-01"),
    ),
    (
        *("seasonal-baseline", "1", "incumbent", "climatology", "2024-01-01T08:00:00Z", "week of the year", '{""wis"": 444}', "sha256:s1"),
        *("Explore: what any model must beat", "Ignores the present", "low", *_ROLES, "2025-01-13"),
    ),
    (
        *("media_mix/north", "review-2025-08", "retired", "bayes", "2025-08-04T08:00:00Z", "tv, search, social", "", "sha256:n1", _BUDGETS),
        *("Assumes no unmeasured confounding", "medium", *_ROLES, "2025-08-04"),
    ),
    (
        *("media_mix/south", "review-2025-08", "retired", "bayes", "2025-08-04T08:00:00Z", "tv, search, social", "", "sha256:u1", _BUDGETS),
        *("Assumes no unmeasured confounding", "medium", *_ROLES, "2025-08-04"),
    ),
)
_SIGNALS = (
    ("marketing_exposures", "media_spend_weekly"),
    ("marketing_exposures", "marketing_delivery_diagnostics"),
    ("pricing_promotion", "price_index"),
    ("pricing_promotion", "price_rule_changes"),
    ("product_inventory", "inventory_levels"),
    ("sales_outcomes", "weekly_orders"),
    ("sales_outcomes", "customer_type_segments"),
    ("temporal_macro", "holiday_calendar"),
    ("temporal_macro", "macro_indicators"),
    ("weather_environmental", "air_quality_signals"),
    ("weather_environmental", "pollen_index"),
    ("experimentation", "marketing_experiments"),
)
_MISSING = {
    "2025-03-03": (),
    "2025-06-02": (),
    "2025-09-01": ("air_quality_signals", "pollen_index"),
    "2025-12-01": ("pollen_index",),
}
"""Signals that are not there, by the day of each version of the catalogue: the weather feed ended, and came back in part."""
_RESULTS = (
    ("2025-12-08T06:00:00Z", "security", "true", "true", "", ""),
    ("2025-12-22T06:00:00Z", "tests", "true", "false", "120000", "0.9"),
    ("2025-12-23T06:00:00Z", "causal", "false", "false", "80000", "0.6"),
)
_BATCHES = ("python", "web", "service", "metrics_sanity", "calibration")
_PROPOSALS = (
    ("2025-12-22T09:00:00Z", "north", "tv", 14000, 15000),
    ("2025-12-22T09:00:00Z", "north", "search", 9000, 8000),
    ("2025-12-23T09:00:00Z", "west", "search", 4000, 2800),
    ("2025-12-23T09:00:00Z", "west", "social", 2000, 3200),
)
_DURATIONS = (4, 5, 5, 6, 6, 7, 8, 9, 9, 12)


def generate() -> tuple[dict[str, bytes], dict[str, Any]]:
    """Texts by path, and what is planted in them."""
    runs = [
        (f"2025-12-{day}T07:0{n}:00Z", f"r{day}", name, outcome)
        for day, outcomes in _outcomes()
        for n, (name, outcome) in enumerate(outcomes)
    ]
    profits = {"north": (5200, 5000, 0.04), "west": (2100, 2000, 0.05)}
    texts = {
        "registry/registrations.csv": csv(_REGISTRATION, _REGISTRATIONS),
        **{
            f"features/feature-catalog-{day}.csv": csv(("category", "signal_id", "status"), _catalogue(gone))
            for day, gone in _MISSING.items()
        },
        "critics/results.csv": csv(("timestamp", "critic", "passed", "skipped", "total_tokens", "cost_usd"), _RESULTS),
        "tests/runs.csv": csv(("timestamp", "run_id", "batch", "status"), runs),
        "allocator/proposals.csv": csv(
            (
                "timestamp",
                "tenant",
                "platform",
                "current_spend",
                "proposed_spend",
                "currency",
                "expected_profit",
                "baseline_profit",
                "regret",
            ),
            [(*row, "EUR", *profits[row[1]]) for row in _PROPOSALS],
        ),
        "latency/operations.csv": csv(
            ("timestamp", "service", "operation", "duration_seconds", "success"),
            [(f"2025-12-24T10:{n:02}:00Z", "planner", f"task-{n}", seconds, "true") for n, seconds in enumerate(_DURATIONS)],
        ),
    }
    return texts, {
        "unregistered_models": ["castor"],
        "models_whose_validator_approves": ["boreas"],
        "models_never_validated": ["media_mix/west"],
        "features": {"available": len(_SIGNALS) - len(_MISSING["2025-12-01"]), "all": len(_SIGNALS)},
        "critics_that_passed_without_running": ["security"],
        "test_runs": {"r16": None, "r23": "service"},
        "proposals_with_too_large_a_step": ["west"],
        "operations": {"n": len(_DURATIONS), "longest_s": max(_DURATIONS)},
    }


def _catalogue(missing: Sequence[str]) -> list[tuple[str, str, str]]:
    return [(category, signal, "gap" if signal in missing else "available") for category, signal in _SIGNALS]


def _outcomes() -> list[tuple[int, list[tuple[str, str]]]]:
    """Runs by the day of December 2025: every batch passes, and then one in the middle fails."""
    good = [(name, "pass") for name in _BATCHES]
    return [(16, good), (23, [(name, "fail" if name == "service" else "pass") for name in _BATCHES])]


def csv(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """Comma-separated lines below a line of names; what has a comma or a quote is quoted."""
    lines = [",".join(_quoted(str(cell)) for cell in row) for row in (names, *rows)]
    return ("\n".join(lines) + "\n").encode()


def _quoted(text: str) -> str:
    return f'"{text}"' if any(character in text for character in ',"') else text
