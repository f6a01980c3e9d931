"""Coordination built from operations."""
