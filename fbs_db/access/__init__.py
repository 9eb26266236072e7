"""Which role may do what, and which rows it sees."""
