"""Conversations in which an accident that integrators report happens to a naive bot, and not to a careful one."""
