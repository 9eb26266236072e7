"""Which component lives in which database."""
