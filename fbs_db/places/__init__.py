"""Placement: which component lives in which database, and moving one to another."""
