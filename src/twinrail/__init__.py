"""Twinrail: an issuer-side payment engine for ISO 8583 card messages and SEPA XML."""

__version__ = "0.1.0"
