"""Eccentra records and summarises eccentric exercise from Bluetooth motion and force sensors."""

__version__ = "0.1.0"
