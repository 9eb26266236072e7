"""The app of the models in `fbs_db.django.views.models`."""

from __future__ import annotations

from fbs_db.django.apps import PartConfig


class ViewsConfig(PartConfig):
    """A model for each view of FBS's reads that has a key."""

    default = True
    name = "fbs_db.django.views"
    label = "fbs_db_views"
    verbose_name = "FBS's reads"
