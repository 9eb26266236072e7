"""The database to use, and a session on it."""
