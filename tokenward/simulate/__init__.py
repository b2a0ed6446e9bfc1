"""Labelled telemetry from a seed: honest people at their natural pace, a small provider, and thefts."""
