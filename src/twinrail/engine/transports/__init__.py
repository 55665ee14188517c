"""Shells that carry bytes and files to the switch."""
