"""Matchers: what a call, a message or a webhook event has to be like."""
