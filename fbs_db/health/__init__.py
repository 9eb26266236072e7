"""What differs from the files, and what brings it back."""
