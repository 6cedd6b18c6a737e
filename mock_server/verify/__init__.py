"""The test harness: checks a server, or a client, against the contract. Needs the extra ``verify``.
May import: ``testing`` and below.
"""
