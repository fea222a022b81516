"""What an operator can do, as async functions over the ports of core."""
