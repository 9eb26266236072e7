"""FBS's schema in a Django host: put ``fbs_db.django`` into INSTALLED_APPS."""
