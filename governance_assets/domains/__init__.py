"""The domains of governance, in the order data passes through them."""

FLOW = (
    "intake",
    "calibration",
    "mmm",
    "experiments",
    "comparisons",
    "drift",
    "critics",
    "issues",
    "plan",
    "milestones",
    "review",
    "assessment",
    "health",
)
