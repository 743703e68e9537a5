"""The resources of the control plane: one declaration each, for responses, matchers, OpenAPI and docs/resources.md."""
