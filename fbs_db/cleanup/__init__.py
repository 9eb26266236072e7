"""Clean-up: FBS's rows when host rows and users are deleted."""
