"""What others speak: OAuth's introspection and revocation, global token revocation, and security events, both ways."""
