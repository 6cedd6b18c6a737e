"""The platform without HTTP: tasks, tenants, accounts, callbacks, inboxes, journal, image inspection, stores.
May import: ``models``, ``scenarios`` and below.
"""
