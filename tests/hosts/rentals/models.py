"""What a host lets: its own tables, with keys of three types, that FBS's rows point at."""

from __future__ import annotations

import os
import uuid

from django.db import models

# From Django 6.1 on the database can do the cascade; Django then never sees what goes along.
_CASCADE = models.DB_CASCADE if os.environ.get("HOST_DB_CASCADE") else models.CASCADE


class Location(models.Model):  # type: ignore[misc]
    name = models.CharField(max_length=100)


class Room(models.Model):  # type: ignore[misc]
    id = models.AutoField(primary_key=True)
    name = models.CharField(max_length=100)
    location = models.ForeignKey(Location, on_delete=_CASCADE)


class Tenant(models.Model):  # type: ignore[misc]
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)


class Lease(models.Model):  # type: ignore[misc]
    tenant = models.ForeignKey(Tenant, on_delete=_CASCADE)
    room = models.ForeignKey(Room, on_delete=_CASCADE)
    rent = models.IntegerField(default=100)
