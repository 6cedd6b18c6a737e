"""HTTP: the only part of the server that knows Starlette and statuses."""
