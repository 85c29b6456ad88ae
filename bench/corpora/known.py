"""What differs, or is refused although Pillow opens it, and why that is meant."""

import fnmatch

# Pattern of the file's name, what is noted of it begins with this, and the reason.
KNOWN = []


def why(name, note):
    """The reason for what is noted of a file; None when there is none yet."""
    return next((reason for pattern, start, reason in KNOWN if fnmatch.fnmatch(name, pattern) and note.startswith(start)), None)
