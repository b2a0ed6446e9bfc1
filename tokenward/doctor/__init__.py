"""The doctor: looks at settings, servers, topics and telemetry, and says in a line each what to do."""
