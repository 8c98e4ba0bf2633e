"""Registry: which models are governed, and may a challenger take over?"""
