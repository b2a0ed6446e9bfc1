"""The protocols that identity providers and security tools speak."""
