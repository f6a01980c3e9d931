"""Servers that register themselves, live lists of them, and live configuration."""
