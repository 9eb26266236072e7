"""Models of the views that FBS's reads are made of: put ``fbs_db.django.views`` into INSTALLED_APPS."""
