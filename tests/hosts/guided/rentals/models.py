"""What the business lets, and to whom."""

from django.db import models


class Location(models.Model):
    name = models.CharField(max_length=100)


class Tenant(models.Model):
    name = models.CharField(max_length=100)
    location = models.ForeignKey(Location, on_delete=models.CASCADE)
