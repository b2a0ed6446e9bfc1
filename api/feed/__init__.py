"""The feed over HTTP: the registry's snapshot, its changes by poll and by stream, and who has applied them."""
