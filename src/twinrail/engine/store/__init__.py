"""Shells that make batches durable and read rows back."""
