"""Which host has room? Asks the peermon daemon of this host, through the ``peermon`` command.

    from peermonlib import PeermonLib

    for node in PeermonLib().choose(3):
        print(node.name, node.load_per_core)

The names of PeerMon 1.1 work too::

    from peermonlib import PeerMonLib

    for entry in PeerMonLib(port=1981).nodes_list:
        print(entry.HOSTNAME, entry.load, entry.ram)

Nothing is chosen or decoded here: every call runs ``peermon query --json``, so that Python, shell and smarterSSH agree
on which host is the best. ``PEERMON`` in the environment names another executable than the one in ``PATH``.
"""

import json
import os
import subprocess
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Union

__all__ = [
    "DaemonUnreachable",
    "Node",
    "NothingEligible",
    "PeerMonLib",
    "PeermonError",
    "PeermonLib",
    "PeermonNotFound",
    "Table",
    "TooFewHosts",
    "UsageError",
]

#: Where the daemon serves its clients, unless somebody said otherwise.
DEFAULT_PORT = 1981

#: Longest time for an answer, seconds. ``peermon`` itself gives up after two.
PATIENCE = 10.0


class PeermonError(Exception):
    """Why there is no answer: what ``peermon`` said, what it advises, and its exit code."""

    def __init__(self, message: str, hint: str = "", exit_code: int = 1) -> None:
        super().__init__(message + ("\nhint: " + hint if hint else ""))
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


class UsageError(PeermonError):
    """An option or a setting that cannot be used (exit code 2)."""


class DaemonUnreachable(PeermonError):
    """No daemon answers (exit code 3)."""


class NothingEligible(PeermonError):
    """No host may be chosen, or fewer than ``min`` (exit code 4)."""


class TooFewHosts(PeermonError):
    """Fewer hosts than were asked for, with ``strict=True`` (exit code 5)."""


class PeermonNotFound(PeermonError):
    """There is no ``peermon`` to run."""


_ERRORS = {2: UsageError, 3: DaemonUnreachable, 4: NothingEligible, 5: TooFewHosts}


class Node(Mapping[str, Any]):
    """A host. Its figures have the names of ``peermon query --json``, as attributes and as keys.

    What is unknown is ``None``. The names of PeerMon 1.1 are attributes too: ``IP``, ``HOSTNAME``, ``PORTNUM``,
    ``cores``, ``ttl``, ``indeg``, ``ram`` (KiB), ``load`` and ``score``.
    """

    name: str
    address: str
    addresses: List[str]
    port: int
    state: str
    age_seconds: float
    load1: Optional[float]
    pending: float
    cores: Optional[int]
    load_per_core: Optional[float]
    memory_available_bytes: Optional[int]
    memory_total_bytes: Optional[int]
    uptime_seconds: Optional[int]
    collector: bool
    labels: Dict[str, str]
    version: str

    def __init__(self, row: Mapping[str, Any], interval_seconds: float = 20.0, score: int = 0) -> None:
        self._row = dict(row)
        self._interval_seconds = interval_seconds
        #: Higher is better: how many of the hosts that were listed come after this one, and itself.
        self.score = score

    def __getattr__(self, name: str) -> Any:
        # Only asked for what is no attribute otherwise; `_row` itself is missing in a half-made copy.
        row = self.__dict__.get("_row", {})
        if name in row:
            return row[name]
        raise AttributeError("a host has no {!r}; it has {}".format(name, ", ".join(row)))

    def __getitem__(self, name: str) -> Any:
        return self._row[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._row)

    def __len__(self) -> int:
        return len(self._row)

    def __hash__(self) -> int:
        return hash((self._row.get("name"), self._row.get("address"), self._row.get("port")))

    def __repr__(self) -> str:
        return "<Node {} {} load {}>".format(self.HOSTNAME, self._row.get("state"), self._row.get("load1"))

    @property
    def IP(self) -> str:
        """The address at which others reach it."""
        return str(self._row["address"])

    @property
    def HOSTNAME(self) -> str:
        """Its name."""
        return str(self._row["name"])

    @property
    def PORTNUM(self) -> int:
        """Its gossip port."""
        return int(self._row["port"])

    @property
    def load(self) -> float:
        """Its 1-minute load average; 0.0 where it is unknown, as in PeerMon 1.1."""
        return float(self._row["load1"] or 0.0)

    @property
    def ram(self) -> int:
        """Available memory, KiB; 0 where it is unknown, as in PeerMon 1.1."""
        return int(self._row["memory_available_bytes"] or 0) // 1024

    @property
    def ttl(self) -> int:
        """10 for fresh data, one less for each interval of age, never less than 1."""
        return max(1, 10 - int(self._row["age_seconds"] / self._interval_seconds))

    @property
    def indeg(self) -> int:
        """Always 0: hosts no longer count who told them."""
        return 0


class Table(Sequence[Node]):
    """All hosts that were listed, best first, and what holds for the whole table."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        rows = answer["nodes"]
        #: The name of this host.
        self.self_name = str(answer["self"])
        #: How often this host tells its load, seconds.
        self.interval_seconds = float(answer["interval_seconds"])
        self._nodes = [Node(row, self.interval_seconds, len(rows) - place) for place, row in enumerate(rows)]

    def __getitem__(self, place: Any) -> Any:
        return self._nodes[place]

    def __len__(self) -> int:
        return len(self._nodes)

    def __repr__(self) -> str:
        return repr(self._nodes)


class PeermonLib:
    """The daemon of this host, or the one at ``port`` or ``socket``.

    ``port`` is the daemon's client port; without it the settings and the environment of ``peermon`` decide (1981 where
    they say nothing). ``socket`` is a path or ``HOST:PORT``, and has the last word. ``command`` is the executable.
    """

    def __init__(
        self,
        port: Optional[int] = None,
        socket: Optional[str] = None,
        command: Optional[str] = None,
        timeout: float = PATIENCE,
    ) -> None:
        self._command = command or os.environ.get("PEERMON") or "peermon"
        self._daemon: List[str] = []
        if port is not None:
            self._daemon += ["--port", str(port)]
        if socket is not None:
            self._daemon += ["--socket", socket]
        self._timeout = timeout

    @property
    def nodes_list(self) -> List[Node]:
        """Every host that is offered, best first, asked for anew each time."""
        return list(self.table())

    def table(self, all: bool = False) -> Table:
        """The hosts that are offered, best first; with ``all`` also suspect, left and dead ones, and collectors."""
        return Table(self._ask(["--all"] if all else []))

    def choose(self, n: int = 1, policy: Optional[str] = None, **options: Union[str, float, bool, None]) -> List[Node]:
        """The ``n`` best hosts, best first; fewer where there are fewer, unless ``strict=True``.

        ``policy`` is one of balanced, cpu, mem, random and classic. All other choosing options of ``peermon query``
        go by their long names with underscores: ``exclude="a,b"``, ``exclude_self=True``, ``max_age=30``, ``min=2``,
        ``strict=True``, ``seed=1``.
        """
        arguments = ["--num={}".format(n)]
        if policy is not None:
            arguments.append("--policy={}".format(policy))
        for name, value in options.items():
            flag = "--" + name.replace("_", "-")
            if value is True:
                arguments.append(flag)
            elif value is not None and value is not False:
                arguments.append("{}={}".format(flag, value))
        return list(Table(self._ask(arguments)))

    def status(self) -> Dict[str, Any]:
        """The daemon itself, as ``peermon query --status --json`` tells it."""
        return self._ask(["--status"])

    def watch(self, seconds: float = 2.0) -> Iterator[Table]:
        """The table again and again, each ``seconds``. Ends with an exception when the daemon does."""
        arguments = self._arguments(["--watch={}".format(seconds)])
        with self._run(arguments) as process:
            try:
                for line in process.stdout or ():
                    yield Table(json.loads(line))
            finally:
                process.terminate()
            said = process.stderr.read() if process.stderr else ""
        raise _error(process.returncode, said)

    def _arguments(self, arguments: Sequence[str]) -> List[str]:
        return [self._command, "query", "--json"] + self._daemon + list(arguments)

    def _run(self, arguments: List[str]) -> "subprocess.Popen[str]":
        try:
            return subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            raise PeermonNotFound(
                "cannot run {}: {}".format(self._command, error.strerror or error),
                "install peermon, or set PEERMON to where it is",
                127,
            ) from None

    def _ask(self, arguments: Sequence[str]) -> Dict[str, Any]:
        with self._run(self._arguments(arguments)) as process:
            try:
                answer, said = process.communicate(timeout=self._timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                raise PeermonError(
                    "{} did not answer within {} s".format(self._command, self._timeout), "peermon query --status"
                ) from None
        if process.returncode != 0:
            raise _error(process.returncode, said)
        return dict(json.loads(answer))


#: As PeerMon's manual spells it in its example.
PeerMonLib = PeermonLib


def _error(exit_code: int, said: str) -> PeermonError:
    """What ``peermon`` wrote to standard error, as an exception."""
    message, hint = "", ""
    for line in said.splitlines():
        if line.startswith("hint: "):
            hint = hint or line[len("hint: ") :]
        elif not line.startswith("warning"):
            message = message or line
    kind = _ERRORS.get(exit_code, PeermonError)
    return kind(message or "peermon ended with exit code {}".format(exit_code), hint, exit_code)
