"""The platform without HTTP: tasks, tenants, accounts, callbacks, inboxes, journal, image inspection.
May import: ``models``, ``scenarios`` and below.
"""
