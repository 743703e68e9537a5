"""Work that starts by itself: due timers and webhook deliveries."""
