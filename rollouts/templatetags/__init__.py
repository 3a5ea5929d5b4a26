"""Formatting for templates. Nothing here decides anything."""
