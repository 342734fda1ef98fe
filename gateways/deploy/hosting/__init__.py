"""What ``gateways init`` finds on a shared host, and what it writes there."""
