"""The routes that FastAPI serves; the check path is raw ASGI and stands in `api.check`."""
