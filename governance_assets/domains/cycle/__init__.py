"""Cycle: is each quarter's review prepared, held and followed up, by evidence?"""
