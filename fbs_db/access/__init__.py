"""Who may do what: the rights of roles."""
