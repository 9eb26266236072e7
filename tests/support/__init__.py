"""What tests of several rooms share."""

from pathlib import Path

#: The checkout.
ROOT = Path(__file__).parents[2]
