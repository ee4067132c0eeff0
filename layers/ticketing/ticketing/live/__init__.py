"""Live updates: WebSocket connections, what they subscribe to, and what they are sent."""
