"""Exit codes a cron job can act on.

0    done
1    it failed, and will again
2    what was asked cannot be asked; nothing was sent
3    done, but something is known to be missing (`--on-error warn`, a provider's partial answer, a part that failed)
75   it failed for now; the same command may succeed later
130  interrupted
141  nobody reads the output any more
"""

from __future__ import annotations

__all__ = ["DONE", "FAILED", "FOR_NOW", "INCOMPLETE", "INTERRUPTED", "PIPE_CLOSED", "REFUSED"]

DONE, FAILED, REFUSED, INCOMPLETE, FOR_NOW, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 3, 75, 130, 141
