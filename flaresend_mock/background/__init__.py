"""What leaves a world on its own while real time passes."""
