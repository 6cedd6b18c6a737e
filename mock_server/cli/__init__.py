"""The command ``kirin-mock``: the parser in ``main``, and one file for each subcommand.
May import: everything below, heavy parts only where they are needed.
"""
