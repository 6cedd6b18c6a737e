"""The command ``kirin-mock``: the parser in ``main``, and one file for each subcommand.
May import: ``verify`` and below; heavy parts only inside the function that needs them.
"""
