"""Serves indexes and models over HTTP."""
