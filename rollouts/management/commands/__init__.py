"""Each file is one `manage.py` command."""
