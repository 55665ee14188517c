"""Become the server's user, tie the server's life to its starter's, and become the server; run as a script.

`python -I -S become.py STARTER UID GID FOLDER PROGRAM [ARGUMENT...]`; UID and GID are -1 to stay who we are. A script
instead of a `preexec_fn`, because code between fork and exec is not safe in a program with threads. The death signal
is asked for after the change of user, which clears it, and survives the exec.
"""

import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def _death_signal() -> Callable[[], object]:
    if sys.platform != "linux":
        return lambda: None  # other systems have no such call; what is left over is found by the next start
    import ctypes  # noqa: PLC0415 - other systems may lack it

    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)


def main(starter: int, uid: int, gid: int, folder: str, command: list[str]) -> None:
    """Replace this process by the command, as the user and in the folder; never returns."""
    end_with_starter = _death_signal()  # loaded first: the new user may be unable to read the library
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.chdir(folder)
    os.umask(0o077)
    end_with_starter()
    if os.getppid() != starter:  # it died before we asked
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - no shell is what we want


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5:])
