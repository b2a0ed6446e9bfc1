"""The write API: decisions by hand, the approval of a second person, and answers that may be asked for again."""
