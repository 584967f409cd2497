"""Adapters that the project trained itself, as package data: a folder each, with its model card. Holds no code."""
