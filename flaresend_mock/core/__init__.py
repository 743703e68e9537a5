"""The simulated WhatsApp: plain Python that knows no HTTP, no threads of its own and no wall clock."""
