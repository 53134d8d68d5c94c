"""Models on this machine, asked when the gateway cannot answer."""
