"""Verdicts on media-mix models: whether backtests are accepted, tenant by tenant and over the fleet.

Belongs here: comparing recorded figures with the policy. Does not belong here: computing them (``facts.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.finding import Finding, Rule
from governance_assets.policy import MmmPolicy
from governance_assets.stats.limits import above, below

EVERY_ENGINE_PREDICTS = Rule(
    name="every_engine_predicts",
    requirement="every engine of the policy makes a prediction of the week",
    remedy="The message names the series an engine could not use; mend it in the telemetry, or take the engine out of mmm.engines",
    severity="warn",
    unit="engines",
    sources="A33",
)
PRIMARY_ENGINE_PREDICTS = Rule(
    name="primary_engine_predicts",
    requirement="the judged engine itself made the prediction of the week",
    remedy="Figures of this week come from a fallback, which the column source names; mend the series that the judged engine refuses",
    sources="B29",
)
IMPROVES_ON_THE_BASELINE = Rule(
    name="improves_on_the_baseline",
    requirement="the relative improvement of the MAE over the baseline is above the limit",
    remedy="Keep the model from use; compare the weeks with the largest errors with what the baseline predicted there",
    unit="fraction",
    sources="A35",
)
EXPLAINS_OUT_OF_SAMPLE = Rule(
    name="explains_out_of_sample",
    requirement="out-of-sample R² is at least the limit",
    remedy="Look for drivers of demand that the model does not know; refit with them",
    unit="fraction",
    sources="A27",
)
BEATS_EVERY_BASELINE = Rule(
    name="beats_every_baseline",
    requirement="the MAPE of every baseline is at least the limit times that of the engine",
    remedy="Use the baseline until the model is better; media that explain nothing add noise",
    unit="ratio",
    sources="A27",
)
TWO_WINDOWS_AGREE = Rule(
    name="two_windows_agree",
    requirement="R² of the window and of the one before differ by no more than the limit",
    remedy="Compare the two stretches: a change of level or of media mix that the model missed, or too much tuning on the first",
    unit="fraction",
    sources="A27",
)
MAPE_IS_LOW = Rule(
    name="mape_is_low",
    requirement="mean absolute percentage error is at most the limit",
    remedy="Look at the weeks with the largest relative errors first; small observed values weigh heavily",
    unit="fraction",
    sources="A27",
)
FOLDS_AGREE = Rule(
    name="folds_agree",
    requirement="the standard deviation of R² over folds is at most the limit",
    remedy="Find the fold that stands out and what happened in it",
    unit="fraction",
    sources="A29",
)
FLEET_IS_PREDICTED = Rule(
    name="fleet_is_predicted",
    requirement="the share of tenants with enough out-of-sample R² is at least the limit",
    remedy="Begin with the tenants that are closest to the limit; the table of backtests sorts them",
    unit="fraction",
    sources="A29",
)
IMPROVEMENT_IS_STEADY = Rule(
    name="improvement_is_steady",
    requirement="the relative improvement moved by less than the limit since the line before",
    remedy="No action by itself: see which week entered or left the window, and whether data were restated",
    severity="warn",
    unit="fraction",
    sources="A34",
)

SAVED_RUN_LOOKS_AHEAD = Rule(
    name="saved_run_looks_ahead",
    requirement="a saved run predicts weeks after its training",
    remedy="Export predictions of later weeks with it, from spend as it was: how it explains its training weeks is no backtest",
    severity="warn",
    unit="weeks",
    sources="B29",
)
SAVED_RUN_STATES_INTERVALS = Rule(
    name="saved_run_states_intervals",
    requirement="a saved run states an interval of every week ahead",
    remedy="Export its intervals; without them neither its CRPS nor its coverage can be judged",
    severity="warn",
    unit="weeks",
    sources="B29",
)
NO_LASTING_SHIFT = Rule(
    name="no_lasting_shift",
    requirement="the last two errors do not tell of a shift that began the week before",
    remedy="Look what changed in those two weeks: price, stock, tracking, a competitor; refit once it is known",
    severity="warn",
    sources="A34",
)
EVERY_TENANT_IS_REFITTED = Rule(
    name="every_tenant_is_refitted",
    requirement="the judged engine is fitted to all weeks of the tenant",
    remedy="The message names the series that no model can use; mend it in the telemetry",
    sources="A27",
)
CHAINS_AGREE = Rule(
    name="chains_agree",
    requirement="split R-hat of every contribution and effect is at most the limit",
    remedy="Raise mmm.draws; if chains still differ, two explanations fit equally well, and a lift test has to tell them apart",
    severity="warn",
    unit="ratio",
    sources="A27",
)
ROI_KEEPS_ITS_INTERVAL = Rule(
    name="roi_keeps_its_interval",
    requirement="the median ROI lies inside the interval that the refit before stated",
    remedy="The interval promised too much: see what the new weeks hold, widen the model, and rest no budget on it until then",
    sources="A27",
)
ROI_IS_STEADY = Rule(
    name="roi_is_steady",
    requirement="the median ROI moved by no more than the limit since the refit before",
    remedy="Settle the channel by a lift test before moving money; ROI assumes no unmeasured confounding",
    severity="warn",
    unit="fraction",
    sources="A27",
)
CONTRIBUTION_IS_STEADY = Rule(
    name="contribution_is_steady",
    requirement="the share of the target that is credited moved by no more than the limit since the refit before",
    remedy="Look which channel or control gained what this one lost: the two move together in the data",
    severity="warn",
    unit="fraction",
    sources="A27",
)
OPTIMUM_IS_STEADY = Rule(
    name="optimum_is_steady",
    requirement="the share in the best split moved by no more than the limit since the refit before",
    remedy="Change the budget in steps smaller than the move; a plan that jumps with every refit follows noise",
    severity="warn",
    unit="fraction",
    sources="A31",
)
SIGN_HAS_NOT_FLIPPED = Rule(
    name="sign_has_not_flipped",
    requirement="no effect changed its sign although one of both intervals excluded 0",
    remedy="Look for what entered the data between the two refits: a promotion, a change of definition, a driver that is missing",
    sources="A27",
)
CHANNEL_HAS_NOT_VANISHED = Rule(
    name="channel_has_not_vanished",
    requirement="a channel with a contribution still has at least the least one",
    remedy="See whether the channel is still in the telemetry and still varies, or whether another one took its credit",
    unit="fraction",
    sources="A27",
)
ELASTICITY_HAS_ITS_SIGN = Rule(
    name="elasticity_has_its_sign",
    requirement="the interval of the effect does not lie on the wrong side of 0",
    remedy="Find the driver that moves with it, or correct the expected sign in media.yaml or mmm.expected_signs",
    sources="A27",
)

PUBLISHED_FIGURE_REPRODUCES = Rule(
    name="published_figure_reproduces",
    requirement="a published figure differs from what the stored windows give by no more than the limit",
    remedy="Correct the report or store the windows it was made from; until then quote the recomputed figure",
    unit="fraction",
    sources="A14",
)


def judge_media_predictions(rows: pa.Table, policy: MmmPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Two findings a tenant: whether all engines could be used, and whether the judged one was."""
    findings = []
    for tenant in _distinct(rows["tenant"]):
        own = rows.filter(pc.equal(rows["tenant"], tenant)).to_pylist()
        silent = [row for row in own if row["problem"] is not None]
        why = "; ".join(sorted({f"{row['engine']}: {row['problem']}" for row in silent}))
        findings.append(EVERY_ENGINE_PREDICTS.judge(tenant, not silent, len(silent), 0, why))
        findings.append(_primary_predicts(tenant, own))
    return findings


def _primary_predicts(tenant: str, rows: Sequence[Mapping[str, Any]]) -> Finding:
    if not any(row["source"] == "primary" for row in rows):
        return PRIMARY_ENGINE_PREDICTS.not_applicable(tenant, "too few weeks for the judged engine; a saved run alone predicts this one")
    holds = any(row["source"] == "primary" and row["problem"] is None for row in rows)
    fallbacks = [row["engine"] for row in rows if row["source"] == "fallback"]
    stands_in = f"{', '.join(fallbacks)} stands in" if fallbacks else "no engine with media stands in"
    return PRIMARY_ENGINE_PREDICTS.judge(tenant, holds, why="" if holds else stands_in)


def judge_mmm_backtest(rows: pa.Table, policy: MmmPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """The judged engine over the judged window, tenant by tenant, and the fleet; saved runs of other engines by the same rules."""
    here = rows.filter(pc.equal(rows["window"], f"trailing_{policy.judged_window}"))
    judged = sorted(here.filter(pc.equal(here["engine"], policy.judged_engine)).to_pylist(), key=lambda row: str(row["tenant"]))
    saved = here.filter(pc.equal(here["source"], "imported")).to_pylist()
    named = [row | {"tenant": f"{row['tenant']}, {row['engine']}"} for row in sorted(saved, key=lambda row: (row["tenant"], row["engine"]))]
    findings = [finding for row in [*judged, *named] for finding in tenant_findings(row, policy)]
    return [*findings, fleet_is_predicted(judged, policy)]


def judge_saved_runs(rows: pa.Table, policy: MmmPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Two findings a saved run: whether it predicts, and how surely."""
    if not rows.num_rows:
        none = "media_results/ holds no run of another engine"
        return [rule.not_applicable("saved runs", none) for rule in (SAVED_RUN_LOOKS_AHEAD, SAVED_RUN_STATES_INTERVALS)]
    findings = []
    for row in rows.filter(pc.equal(rows["channel"], "")).to_pylist():
        subject = ", ".join(filter(None, (row["tenant"], row["engine"], row["run"], f"trained until {row['trained_until']}")))
        ahead, without = row["weeks_ahead"], row["weeks_ahead"] - row["weeks_with_interval"]
        findings.append(SAVED_RUN_LOOKS_AHEAD.judge(subject, ahead > 0, ahead, 1))
        if ahead:
            findings.append(SAVED_RUN_STATES_INTERVALS.judge(subject, without == 0, without, 0))
    return findings


def tenant_findings(row: Mapping[str, Any], policy: MmmPolicy) -> list[Finding]:
    """All verdicts on one tenant; unknown while the window is not whole."""
    tenant = str(row["tenant"])
    least_r2 = policy.min_r2_weather if tenant in policy.weather_sensitive else policy.min_r2
    gap = _difference(row["r2"], row["validation_r2"])
    return [
        _at_least(IMPROVES_ON_THE_BASELINE, row, row["mae_improvement"], policy.min_improvement, is_strict=True),
        _at_least(EXPLAINS_OUT_OF_SAMPLE, row, row["r2"], least_r2),
        _at_least(BEATS_EVERY_BASELINE, row, row["least_mape_ratio"], policy.min_mape_ratio),
        _at_most(TWO_WINDOWS_AGREE, row, gap, policy.max_r2_gap),
        _at_most(MAPE_IS_LOW, row, row["mape"], policy.max_mape),
        _at_most(FOLDS_AGREE, row, row["fold_r2_std"], policy.max_fold_r2_std),
        improvement_is_steady(row, policy),
        no_lasting_shift(row, policy),
    ]


def fleet_is_predicted(judged: Sequence[Mapping[str, Any]], policy: MmmPolicy) -> Finding:
    """Share of tenants with enough R²; unknown when tenants whose window is not whole could turn the verdict."""
    if not judged:
        return FLEET_IS_PREDICTED.not_applicable("the fleet", "no tenant has a prediction in this week")
    known = [row["r2"] for row in judged if _is_whole(row) and row["r2"] is not None]
    good = sum(not below(r2, policy.fleet_r2) for r2 in known)
    least, most = good / len(judged), (good + len(judged) - len(known)) / len(judged)
    is_open = below(least, policy.min_fleet_share) != below(most, policy.min_fleet_share)
    why = f"{good} of {len(judged)} tenants" + (f", {len(judged) - len(known)} unknown" if len(known) < len(judged) else "")
    return FLEET_IS_PREDICTED.judge(
        "the fleet", None if is_open else not below(least, policy.min_fleet_share), least, policy.min_fleet_share, why
    )


def improvement_is_steady(row: Mapping[str, Any], policy: MmmPolicy) -> Finding:
    """Whether the improvement stayed where it was; a first line has nothing to be held against."""
    change = row["mae_improvement_change"]
    if change is None:
        return IMPROVEMENT_IS_STEADY.not_applicable(str(row["tenant"]), "this is the first line, or one of the two has no figure")
    if not _is_whole(row):
        return IMPROVEMENT_IS_STEADY.judge(str(row["tenant"]), None, abs(change), policy.max_improvement_change, _too_few(row))
    holds = bool(below(abs(change), policy.max_improvement_change))
    return IMPROVEMENT_IS_STEADY.judge(str(row["tenant"]), holds, abs(change), policy.max_improvement_change)


def judge_media_draws(rows: pa.Table, policy: MmmPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """One finding a tenant: whether the engine could be fitted."""
    first = rows.filter(pc.equal(rows["draw"], 0)).to_pylist()
    problems = {str(row["tenant"]): row["problem"] for row in first}
    return [EVERY_TENANT_IS_REFITTED.judge(tenant, why is None, why=why or "") for tenant, why in sorted(problems.items())]


def judge_refit_stability(rows: pa.Table, policy: MmmPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Every channel and control against the refit before, its sign, and whether chains agree."""
    findings: list[Finding] = []
    for row in sorted(rows.to_pylist(), key=lambda row: (row["tenant"], row["part"], row["name"])):
        if row["problem"] is None:
            findings += refit_findings(row, policy)
    return findings


def refit_findings(row: Mapping[str, Any], policy: MmmPolicy) -> list[Finding]:
    """All verdicts on one channel or control of one refit."""
    is_channel = row["part"] == "channel"
    found = [_not_vanished(row, policy)] if is_channel else []
    if row["is_left_out"]:
        return found
    subject = _named(row)
    found += [_has_its_sign(row, policy), _told(SIGN_HAS_NOT_FLIPPED, subject, row["has_sign_flipped"])]
    found += [_small(CHAINS_AGREE, subject, row["r_hat"], policy.max_r_hat, "one chain says nothing of others")]
    if is_channel:
        found += [_small(CONTRIBUTION_IS_STEADY, subject, row["contribution_move"], policy.max_contribution_move)]
    if is_channel and row["is_paid"]:
        inside = None if row["is_roi_inside"] is None else not row["is_roi_inside"]
        found += [
            _told(ROI_KEEPS_ITS_INTERVAL, subject, inside),
            _small(ROI_IS_STEADY, subject, row["roi_move"], policy.max_roi_move),
            _small(OPTIMUM_IS_STEADY, subject, row["optimal_move"], policy.max_optimal_move),
        ]
    return found


def judge_published_figures(rows: pa.Table, policy: MmmPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Every published figure of a backtest against the stored windows."""
    if not rows.num_rows:
        return [PUBLISHED_FIGURE_REPRODUCES.not_applicable("published figures", "no report published a figure of a backtest")]
    return [_reproduces(row, policy) for row in rows.to_pylist()]


def _reproduces(row: Mapping[str, Any], policy: MmmPolicy) -> Finding:
    subject = f"{row['metric']} of {row['model_id']}, {row['instant'].date()}"
    if row["difference"] is None:
        why = "no stored windows give it" if row["recomputed"] is None else "the windows give 0"
        return PUBLISHED_FIGURE_REPRODUCES.judge(subject, None, why=why)
    why = f"published {row['published']:g}, {row['windows']} windows give {row['recomputed']:.6g}"
    limit, value = policy.max_published_difference, abs(row["difference"])
    return PUBLISHED_FIGURE_REPRODUCES.judge(subject, not above(value, limit), value, limit, why)


def _named(row: Mapping[str, Any]) -> str:
    return f"{row['tenant']}, {row['name']}"


def _told(rule: Rule, subject: str, is_broken: bool | None) -> Finding:
    if is_broken is None:
        return rule.not_applicable(subject, "no earlier refit has the figure, or this one has not")
    return rule.judge(subject, not is_broken)


def _small(rule: Rule, subject: str, value: float | None, limit: float, why: str = "no earlier refit has the figure") -> Finding:
    """A move, or any figure of which little is good, held against its limit."""
    if value is None:
        return rule.not_applicable(subject, why)
    return rule.judge(subject, not above(abs(value), limit), abs(value), limit)


def _not_vanished(row: Mapping[str, Any], policy: MmmPolicy) -> Finding:
    if row["has_vanished"] is None:
        return CHANNEL_HAS_NOT_VANISHED.not_applicable(_named(row), "no earlier refit has a contribution of it")
    why = "left out of the refit" if row["is_left_out"] else ""
    share = None if row["contribution_share"] is None else abs(row["contribution_share"])
    return CHANNEL_HAS_NOT_VANISHED.judge(_named(row), not row["has_vanished"], share, policy.least_contribution_share, why)


def _has_its_sign(row: Mapping[str, Any], policy: MmmPolicy) -> Finding:
    """Channels by the multiple that no prior holds to a sign, controls by their effect where a sign is expected."""
    subject = _named(row)
    signs = {one.tenant: one.sign for one in policy.expected_signs if one.name == row["name"]}
    sign = signs.get(row["tenant"], signs.get(None, row["expected_sign"] or ("+" if row["part"] == "channel" else None)))
    if sign is None:
        return ELASTICITY_HAS_ITS_SIGN.not_applicable(subject, "neither media.yaml nor mmm.expected_signs names a sign for it")
    names = ("multiple", "elasticity") if row["part"] == "channel" else ("elasticity",)
    known = [name for name in names if row[name] is not None]
    if not known:
        return ELASTICITY_HAS_ITS_SIGN.judge(subject, None, why="the refit gives no interval of its effect")
    wrong = [n for n in known if (above(0, row[f"{n}_upper"]) if sign == "+" else above(row[f"{n}_lower"], 0))]
    shown = (wrong or known)[0]
    why = f"{shown} {row[f'{shown}_lower']:.3g} to {row[f'{shown}_upper']:.3g}, expected {sign}"
    return ELASTICITY_HAS_ITS_SIGN.judge(subject, not wrong, row[shown], 0, why)


def no_lasting_shift(row: Mapping[str, Any], policy: MmmPolicy) -> Finding:
    """Whether the watch over the engine's errors is quiet; it says how often it errs."""
    if row["shift_score"] is None:
        return NO_LASTING_SHIFT.not_applicable(str(row["tenant"]), "too few errors before the last two weeks, or none this week")
    why = f"{row['shift_size']:+.1f} residual standard deviations; a false alarm every {policy.shift_run_length:g} weeks or rarer"
    holds = not above(row["shift_score"], row["shift_limit"])
    return NO_LASTING_SHIFT.judge(str(row["tenant"]), holds, row["shift_score"], row["shift_limit"], why)


def _at_least(rule: Rule, row: Mapping[str, Any], value: float | None, limit: float, is_strict: bool = False) -> Finding:
    return _held(rule, row, value, limit, value is not None and bool(above(value, limit) if is_strict else not below(value, limit)))


def _at_most(rule: Rule, row: Mapping[str, Any], value: float | None, limit: float) -> Finding:
    return _held(rule, row, value, limit, value is not None and not above(value, limit))


def _held(rule: Rule, row: Mapping[str, Any], value: float | None, limit: float, holds: bool) -> Finding:
    if not _is_whole(row):
        return rule.judge(str(row["tenant"]), None, value, limit, _too_few(row))
    if value is None:
        return rule.judge(str(row["tenant"]), None, None, limit, "the window does not give this figure")
    return rule.judge(str(row["tenant"]), holds, value, limit)


def _is_whole(row: Mapping[str, Any]) -> bool:
    return bool(row["n_missing"] == 0)


def _too_few(row: Mapping[str, Any]) -> str:
    return f"not enough data: {row['n']} of {row['n'] + row['n_missing']} weeks are predicted and observed"


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else abs(one - other)


def _distinct(values: pa.ChunkedArray) -> list[Any]:
    return sorted(pc.unique(values).to_pylist())
