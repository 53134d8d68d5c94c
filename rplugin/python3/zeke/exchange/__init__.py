"""One request over the wire: bytes to events, attempts, gateways' dialects, local models."""
