"""The HTTP client of the control plane, which the command line and the test kit share."""
