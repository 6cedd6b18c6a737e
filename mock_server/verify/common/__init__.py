"""What the commands below ``verify`` share: options, progress, interruption, baseline files, exit codes.
May import: ``testing`` and below.
"""
