"""The formats: bytes of one provider to native events, each reject with its reason and never with a token."""
