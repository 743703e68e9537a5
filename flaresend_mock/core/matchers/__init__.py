"""Matchers: conditions on API calls, messages and webhook events."""
