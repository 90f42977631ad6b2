"""Free ports on loopback, kept apart between test processes."""

import random
import socket
import weakref

LOOPBACK = "127.0.0.1"
# Below the range from which Linux takes ports for outgoing connections: nobody is handed one of these by chance.
_CHOICE = range(20000, 32000)


class Ports:
    """A set of ports that no other `Ports` of this machine holds, even while the server behind them is down.

    The claim is a bound abstract socket of the port's name: the kernel drops it with the process, so nothing can be
    left behind.
    """

    def __init__(self, count: int) -> None:
        claims: list[socket.socket] = []
        numbers: list[int] = []
        chooser = random.SystemRandom()
        while len(numbers) < count:
            number = chooser.choice(_CHOICE)
            claim = socket.socket(socket.AF_UNIX)
            claims.append(claim)
            try:
                claim.bind(f"\0drtool-rig-port-{number}")
            except OSError:
                continue
            if _is_free(number):
                numbers.append(number)
        self.numbers = tuple(numbers)
        self._release = weakref.finalize(self, _close_all, claims)

    def release(self) -> None:
        """Let others have the ports; a second call does nothing."""
        self._release()


def is_listening(number: int) -> bool:
    """Whether something accepts connections on this port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, number)) == 0


def _is_free(number: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, number))
        except OSError:
            return False
    return True


def _close_all(claims: list[socket.socket]) -> None:
    for claim in claims:
        claim.close()
