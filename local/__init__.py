"""The local AWS: one process on the loopback interface that runs the whole system without an account."""
