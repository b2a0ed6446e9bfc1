"""The Shared Signals Framework's transmitter, towards receivers: streams, their status and subjects, and polling."""
