"""Health: did governance itself run?"""
