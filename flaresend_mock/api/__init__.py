"""The Flaresend API: one module a resource."""
