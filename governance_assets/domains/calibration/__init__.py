"""Calibration: do the stated uncertainties hold?"""
