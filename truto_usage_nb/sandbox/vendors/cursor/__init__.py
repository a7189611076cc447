"""Cursor: the usage events of a team."""
