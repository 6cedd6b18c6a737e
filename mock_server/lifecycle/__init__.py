"""When a task changes: its plan, and its state as a pure function of the timeline and the time.
May import: ``core``.
"""
