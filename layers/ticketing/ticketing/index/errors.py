"""What can be wrong with an index."""


class IndexDamagedError(Exception):
    """A pack is not what was written, or is gone: the index has to be built again.

    A state that is no longer in use may also be gone because its time is over (`store.KEPT`).
    """


class LostRaceError(Exception):
    """Another writer was first, and nothing of this one counts: start again from the index as it is now."""


class PacksLeftError(Exception):
    """S3 has not deleted some packs. A retry finds them again."""
