"""The harness of the client tests: the broker, the clients, and what must come back."""
