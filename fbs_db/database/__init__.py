"""Which database, and a session on it."""
