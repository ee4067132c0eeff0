"""What is looked at after each deployment (`make smoke STACK=ticket-system-dev`).

A check is a function of a `Deployment` that returns what is wrong, one sentence each, and an empty list where nothing
is. `__main__.CHECKS` lists them. No check changes anything but a file of its own, which it takes away again, and none
needs a user. Last comes what `attributes` finds out about this AWS, which may be no fault.
"""
