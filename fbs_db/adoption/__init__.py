"""Adoption: managing a schema whose tables Django made."""

from fbs_db.adoption.run import AdoptedTable, AdoptReport, adopt

__all__ = ["AdoptReport", "AdoptedTable", "adopt"]
