"""What the dashboard copies: a recorded exchange as a curl command or as a test."""
