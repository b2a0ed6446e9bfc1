"""The roof: command line, settings, wiring and the embedded stack."""

__version__ = "0.1.0"
