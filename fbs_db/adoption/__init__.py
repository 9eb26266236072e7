"""Making a schema managed whose tables something else made, such as Django."""

from fbs_db.adoption.run import AdoptedTable, AdoptReport, adopt

__all__ = ["AdoptReport", "AdoptedTable", "adopt"]
