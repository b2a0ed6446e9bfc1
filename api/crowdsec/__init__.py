"""CrowdSec's bouncer API: firewalls and proxies that speak it refuse condemned addresses."""
