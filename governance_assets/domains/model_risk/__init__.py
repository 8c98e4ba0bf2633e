"""Model risk: who approved, who challenged, who overrode, and who stands behind it?"""
