"""Databases with FBS installed, for the tests of a host."""
