"""From the plan of a clip to an mp4 file. Only ``render`` needs the optional part ``[video]``."""
