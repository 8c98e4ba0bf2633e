"""The domains of governance, in the order data passes through them."""

FLOW = (
    "intake",
    "scores",
    "calibration",
    "skill",
    "mmm",
    "allocation",
    "registry",
    "experiments",
    "comparisons",
    "drift",
    "critics",
    "plan",
    "issues",
    "milestones",
    "variance",
    "review",
    "cycle",
    "assessment",
    "model_risk",
    "health",
)
