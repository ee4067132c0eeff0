"""Measurements of the backend: what it asks of AWS, how fast it starts, answers and lists."""
