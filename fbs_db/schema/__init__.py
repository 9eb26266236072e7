"""The SQL files: applied, recorded, undone, described."""
