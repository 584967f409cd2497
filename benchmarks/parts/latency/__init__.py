"""What latency.py compares, and the first search of a new process."""
