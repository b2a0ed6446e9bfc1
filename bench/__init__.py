"""The benches: each prints its figure beside that of a bare reference, measured in the same run on the same machine."""
