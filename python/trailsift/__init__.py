"""Hunts AWS CloudTrail archives for AWS quarantining a compromised key.

The program does the work; this package starts it and returns its alerts as a table:

    import trailsift

    alerts = trailsift.hunt("/archive/AWSLogs", since="30d")

`hunt` needs pyarrow: `pip install 'trailsift[arrow]'`.
"""

from ._hunt import IncompleteError, IncompleteWarning, TrailsiftError, hunt
from ._program import find_program

__all__ = ["IncompleteError", "IncompleteWarning", "TrailsiftError", "find_program", "hunt"]
