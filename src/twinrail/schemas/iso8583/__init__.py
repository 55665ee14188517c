"""Element rows, dialects, message types and link profiles of ISO 8583."""
