"""None: the tables are PostgreSQL's. Django sends the signals of ``migrate`` only to apps with this module."""
