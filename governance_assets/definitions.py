"""The Dagster code location: finds the domains, binds the workspace, jobs, schedules and sensors; nothing else."""

import importlib
import importlib.util
from collections.abc import Iterator

import dagster as dg

from governance_assets.domains import FLOW
from governance_assets.runtime.artifact import check_inputs
from governance_assets.runtime.automation import jobs, schedules, sensors
from governance_assets.runtime.fetching import fetch_assets
from governance_assets.runtime.processes import process_tags
from governance_assets.runtime.upkeep import upkeep
from governance_assets.runtime.workspace import Workspace


def assets() -> list[dg.AssetsDefinition]:
    """Every asset declared in a domain's ``assets.py``, in the order of FLOW."""
    found = [one for domain in FLOW for one in _declared(domain)]
    check_inputs()
    return found


def _declared(domain: str) -> Iterator[dg.AssetsDefinition]:
    name = f"governance_assets.domains.{domain}"
    if importlib.util.find_spec(name) is None or importlib.util.find_spec(f"{name}.assets") is None:
        return
    module = importlib.import_module(f"{name}.assets")
    yield from (value for value in vars(module).values() if isinstance(value, dg.AssetsDefinition))


@dg.resource(description="Settings, policy, as-of instant and history of this installation.")
def from_environment(context: dg.InitResourceContext) -> Iterator[Workspace]:
    """The workspace that the environment names, opened for one run, which gets the name of its process as tags."""
    if context.run is not None and context.instance is not None:
        context.instance.add_run_tags(context.run.run_id, process_tags())
    with Workspace.from_environment() as opened:
        yield opened


def build(workspace: Workspace | None = None) -> dg.Definitions:
    """All definitions; runs share ``workspace`` when one is handed in, else each opens the one the environment names."""
    resource = from_environment if workspace is None else dg.ResourceDefinition.hardcoded_resource(workspace)
    return dg.Definitions(
        assets=[*assets(), *fetch_assets(), *upkeep()],
        jobs=jobs(),
        schedules=schedules(),
        sensors=sensors(),
        resources={"workspace": resource},
        executor=dg.in_process_executor,
    )


defs = build()
