"""The sensor monitor."""
