"""The domains of governance, in the order data passes through them."""

FLOW = (
    "intake",
    "calibration",
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
    "review",
    "assessment",
    "health",
)
