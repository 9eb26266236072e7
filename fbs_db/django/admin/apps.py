"""The app of the pages in `fbs_db.django.admin.admin`."""

from __future__ import annotations

from fbs_db.django.apps import PartConfig


class AdminConfig(PartConfig):
    """Pages of Django's admin about FBS's database."""

    default = True
    name = "fbs_db.django.admin"
    label = "fbs_db_admin"
    verbose_name = "FBS's database"
