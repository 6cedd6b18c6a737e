"""The paths that clients call: generation, queue, discovery, login, media, documentation."""
