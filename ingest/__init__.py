"""The shell: telemetry from Kafka into columns, decisions back to Kafka and the registry."""
