"""Rows of FBS to work with: values for any field of any of its models."""

from __future__ import annotations

import itertools
import os
import uuid
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.db import models

USER = get_user_model()
#: Where there are rows already, further on.
_numbers = itertools.count(int(os.environ.get("HOST_FIRST_NUMBER", "1")))
#: The solution of the rows; each has another where none is named.
_SOLUTION = os.environ.get("HOST_SOLUTION")
_OF_SOLUTIONS = ("solution_name", "solution_db", "business_id", "company_id")


def sample(field: Any) -> Any:
    """A value unlike those before it; for a reference, a row made for it."""
    number = next(_numbers)
    if field.is_relation:
        target = field.related_model
        return new_user() if target is USER else target.objects.create(**required(target))
    if _SOLUTION and field.column in _OF_SOLUTIONS:
        return _SOLUTION
    match field:
        case models.GenericIPAddressField():
            return f"10.0.0.{number % 250}" if number % 2 else f"2001:db8::{number:x}"
        case models.CharField():
            return f"{number} ünï {field.name}"[: field.max_length]
        case models.TextField():
            return f"{number}: 'quoted', \\backed, 100 %, two\nlines and \U0001f600"
        case models.JSONField():
            return {"record_id": str(number), "list": [1, 2.5, None, "ü"], "deep": {"yes": True, "number": number}}
        case models.DecimalField():
            return Decimal(number % 900) + Decimal("0.25")
        case models.DateTimeField():
            return datetime(2024, 2, 29, 12, 30, 15, number, tzinfo=timezone.utc)
        case models.DateField():
            return date(2024, 2, 29) + timedelta(days=number)
        case models.BooleanField():
            return bool(number % 2)
        case models.FloatField():
            return number + 0.5
    return number


def new_user() -> Any:
    return USER.objects.create(username=uuid.uuid4().hex)


def is_automatic(field: Any) -> bool:
    return bool(getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False))


def written(model: Any) -> list[Any]:
    """Fields that a writer sets: neither the key nor a time that Django sets."""
    return [field for field in model._meta.concrete_fields if not field.primary_key and not is_automatic(field)]


def full(model: Any) -> dict[str, Any]:
    return {field.name: sample(field) for field in written(model)}


def required(model: Any) -> dict[str, Any]:
    return {field.name: sample(field) for field in written(model) if not field.null and not field.has_default()}
