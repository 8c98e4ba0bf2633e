"""Reading telemetry: files of many shapes in, typed and content-addressed landings out."""

from governance_assets.runtime.sources.intake import Intake, read_telemetry
from governance_assets.runtime.sources.landing import landed_relation

__all__ = ["Intake", "landed_relation", "read_telemetry"]
