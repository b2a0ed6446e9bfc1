"""Bulk: one decision about very many identities, tried dry, approved, carried out bit by bit, and undone as a whole."""
