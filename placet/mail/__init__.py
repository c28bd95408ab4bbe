"""Mails that are sent: read, checked, shown, written out, and handed to a mail server."""
