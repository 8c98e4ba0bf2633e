"""Briefing: what must the next review know, and by which playbook is it held?"""
