"""Paths and usage rules of the ISO 20022 messages, with their schemas."""
