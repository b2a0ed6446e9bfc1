"""The signals: one measurement each, named after its concept."""
