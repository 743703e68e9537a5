"""Whole worlds as JSON, to the last byte: written, read, and checked through and through."""
