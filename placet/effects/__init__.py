"""The activities of each effect, put together for a worker; the registry names the functions."""
