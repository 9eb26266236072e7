"""FBS's schema in a Django host: put ``fbs_db.django`` into INSTALLED_APPS."""

from __future__ import annotations

from fbs_db.django.solutions import solution

__all__ = ["solution"]
