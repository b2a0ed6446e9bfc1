"""The rule: who is refused, for how long and why; the registry that remembers it and the replica that answers."""
