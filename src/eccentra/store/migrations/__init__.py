"""Migrations of the results database."""
