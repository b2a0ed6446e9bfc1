"""The demonstration: the whole system in one process, live traffic with thefts in it, and a gateway that asks."""
