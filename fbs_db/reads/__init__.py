"""Reading FBS: each view and function of the schema as a typed method.

>>> with fbs_db.connect() as fbs:
...     page = fbs.approvals.pending(approver_id=7)
"""

from fbs_db.reads.client import AsyncReader, Reader, connect, connect_async
from fbs_db.reads.pages import Page

__all__ = ["AsyncReader", "Page", "Reader", "connect", "connect_async"]
