"""The face: what gateways and people ask over HTTP."""
