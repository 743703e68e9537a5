"""What the HTTP packages share: how bodies are read and how JSON is written."""
