"""Dialects out of other people's specifications: pyiso8583 dictionaries, moov JSON, jPOS packagers."""
