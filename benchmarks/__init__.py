"""Measurements of speed, processor time by stage, and memory: ``make bench``."""
