"""Outward: what was decided here is told to others, until they have it."""
