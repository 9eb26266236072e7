"""A Django project such as FBS's hosts are, run in processes of its own."""

from __future__ import annotations

#: Django's field for each listed type.
FIELDS = {
    "bigint": "BigIntegerField",
    "boolean": "BooleanField",
    "date": "DateField",
    "double precision": "FloatField",
    "inet": "GenericIPAddressField",
    "integer": "IntegerField",
    "jsonb": "JSONField",
    "numeric": "DecimalField",
    "text": "TextField",
    "timestamp with time zone": "DateTimeField",
    "varchar": "CharField",
}
