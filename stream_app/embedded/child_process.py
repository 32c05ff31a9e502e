"""A process that ends with its owner, however the owner ends."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["end", "spawn_supervised"]

# Runs in a fresh interpreter and becomes the program, so that the process id is the program's. The other half of the
# fork stays and reads a pipe of which only the owner holds the writing end: it reads on when the owner lets go or has
# died, be it by SIGKILL. Linux' "signal at the parent's death" would need no such guard, but it is sent when the
# parent's *thread* ends, and there is none on other systems.
_LAUNCHER = """
import os, signal, sys
program = os.getpid()
if os.fork() == 0:
    os.read(0, 1)
    if os.getppid() == program:
        os.kill(program, signal.SIGKILL)
    os._exit(0)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def spawn_supervised(command: Sequence[str | Path], *, log: Path) -> subprocess.Popen[bytes]:
    """Start a program that is killed when this process ends, even if this one has no chance to say so.

    Parameters
    ----------
    command : sequence of str or path
        The program's full path and its arguments.
    log : path
        Where its output is appended.

    Returns
    -------
    subprocess.Popen
        The program. Its standard input is what ties it to us: closing that kills it.
    """
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 our own installed programs
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us; we stop it after our last flush
        )


def end(process: subprocess.Popen[bytes], *, patience: float = 5.0) -> None:
    """End a tied program: ask it to, and kill it if it has not ended in time.

    Parameters
    ----------
    process : subprocess.Popen
        What `spawn_supervised` gave.
    patience : float
        Seconds until it is killed; none to kill it at once, as a crash would.
    """
    if patience and process.poll() is None:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
    else:
        process.kill()
    process.wait()
    if process.stdin is not None:
        process.stdin.close()
