"""What the HTTP rooms share: how bodies are read and how JSON is written."""
