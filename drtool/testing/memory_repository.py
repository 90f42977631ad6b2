from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from drtool.model.codec import canonical
from drtool.model.errors import Corrupt, DrtoolError, NoRepository, NotFound, Refused
from drtool.model.hold import PIN, Hold
from drtool.model.inventory import Listing
from drtool.model.key import RepositoryKey
from drtool.model.point import Artifact, DataSnapshot
from drtool.ports import (
    Body,
    Clock,
    Earlier,
    Entry,
    Finding,
    FindRequest,
    GetRequest,
    GetResult,
    Guarantees,
    MountRequest,
    Notary,
    Progress,
    ProgressListener,
    PutRequest,
    PutResult,
    Repository,
    VerifyRequest,
    WorkPlace,
)
from drtool.repositories.restic.labels import body_name, body_tags, data_tags
from drtool.repositories.restic.rows import Row, TranslatedListing
from drtool.repositories.restic.translate import read_snapshots
from drtool.trees.patterns import excluded_by

_TYPES = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo"}


@dataclass(frozen=True, slots=True)
class _Node:
    """One entry of a tree: what it is, and what it holds (a file) or points to (a link)."""

    type: str
    mode: int
    modified: int
    body: bytes = b""


_Tree = dict[str, _Node]


@dataclass(slots=True)
class Storage:
    """What outlives every process: snapshots with their tags, and the data that they name by content.

    A tree in `damaged` cannot be read any more.
    """

    identity: str = ""
    snapshots: dict[str, dict[str, object]] = field(default_factory=dict)
    trees: dict[str, _Tree] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)
    _made: int = 0

    def add(self, entry: Mapping[str, object]) -> str:
        """Keep one more snapshot and return its id."""
        self._made += 1
        identifier = hashlib.sha256(f"{self.identity} {self._made}".encode()).hexdigest()
        self.snapshots[identifier] = {**entry, "id": identifier}
        return identifier


class MemoryRepository:
    """A repository in memory: what is in `storage` is there for whoever is given the same.

    Trees are read from, and poured into, this machine's file system; streams are taken from commands of whatever runner.

    Args:
        name: the repository's name.
        by: the policy's name; only what bears it is forgotten or discarded.
        storage: what outlives this object.
        clock: dates what is stored.
        notary: signs what is appended and judges what is listed; None: neither.
        site: the failure domain.
        before_change: called before each single change: who raises there dies in the middle of something.
        complete: adds to a listing what platforms say of what they keep of its points.
    """

    def __init__(
        self,
        *,
        name: str,
        by: str,
        storage: Storage,
        clock: Clock,
        notary: Notary | None = None,
        site: str = "home",
        before_change: Callable[[str], None] = lambda _words: None,
        complete: Callable[[Listing, Callable[[str], bytes]], Listing] = lambda listing, _read: listing,
    ) -> None:
        self.name = name
        self._complete = complete
        self.storage = storage
        self._before_change = before_change
        self._by = by
        self._clock = clock
        self._notary = notary
        self._site = site
        self._recent: tuple[float, TranslatedListing] | None = None

    def initialise(self, *, chunker_of: Repository | None = None) -> bool:
        del chunker_of
        if self.storage.identity:
            return False
        self._before_change("creating it")
        self.storage.identity = self._clock.fresh_id()
        return True

    def put(self, request: PutRequest, *, on_progress: ProgressListener | None = None) -> PutResult:
        self._require()
        artifact, labels = request.artifact, request.labels
        if artifact.earlier is not None:
            return self._put_again(request, artifact.earlier)
        if artifact.form == "stream":
            result, tree, path = self._take_stream(request)
        else:
            result, tree = _read_tree(request)
            path = artifact.path
        fresh = _digest_of(tree) not in self.storage.trees
        self._recent = None
        identifier = self._write(tree, data_tags(labels), path)
        if on_progress is not None:
            on_progress(Progress(result.bytes, result.bytes, result.files, result.files))
        return replace(result, snapshot=identifier, stored_bytes=result.bytes if fresh else 0, program="memory")

    def _put_again(self, request: PutRequest, earlier: Earlier) -> PutResult:
        row = self._find_data(earlier.artifact, earlier.point, request.labels.workload)
        body = next(iter(self.data_of(row).values())).body
        census = earlier.artifact.census
        if len(body) != census.bytes:
            raise Corrupt(f"{request.labels.workload} is not there as it was stored", hint="use another copy", repository=self.name)
        self._recent = None
        self._before_change("writing a snapshot")
        entry = {"tree": row.tree, "paths": list(row.paths), "tags": list(data_tags(request.labels)), "time": self._clock.now().isoformat()}
        return PutResult(self.storage.add(entry), 1, len(body), 0, sha256=census.sha256, program="memory")

    def get(self, request: GetRequest, *, on_progress: ProgressListener | None = None) -> GetResult:
        del on_progress
        row = self._find_data(request.artifact, request.point, request.workload)
        tree = self.data_of(row)
        if request.artifact.form == "stream":
            return _pour_stream(request, next(iter(tree.values())).body, row.paths[0])
        for path in request.paths:
            if not any(_is_below(each, path) for each in tree):
                raise NotFound(f"{path} is not in {request.workload} of this point", hint="drtool ls shows what is in it")
        wanted = {
            path: node for path, node in tree.items() if not request.paths or any(_is_below(path, chosen) for chosen in request.paths)
        }
        for path, node in sorted(wanted.items()):
            _write_node(Path(request.directory + path), node)
        for path, node in sorted(wanted.items(), reverse=True):  # what is put into a folder changes when that was modified
            if node.type == "dir":
                os.utime(request.directory + path, ns=(node.modified, node.modified))
        files = [node for node in wanted.values() if node.type == "file"]
        return GetResult(bytes=sum(len(node.body) for node in files), files=len(files), program="memory")

    def list(self, *, maximum_age_seconds: float = 0.0) -> Listing:
        return self._complete(self.look(maximum_age_seconds).listing, self.read)

    def browse(self, artifact: Artifact, point: str, workload: str, path: str = "", *, deep: bool = True) -> Iterator[Entry]:
        tree = self.data_of(self._find_data(artifact, point, workload))
        found = [_entry(name, node) for name, node in sorted(tree.items()) if not path or _is_below(name, path)]
        if path and not found:
            raise NotFound(f"{path} is not in {workload} of this point", hint="drtool ls without a path shows what is in it")
        return iter([entry for entry in found if deep or os.path.dirname(entry.path) == (path or "/") or entry.path == path])

    def find(self, request: FindRequest, on_found: Callable[[DataSnapshot, Entry], None]) -> Mapping[str, DrtoolError]:
        failed: dict[str, DrtoolError] = {}
        for data in request.data:
            row = self.look().find(data.id)
            if row is None or row.role != "data":
                failed[data.id] = NotFound(f"{data.id} is not in {self.name}", hint="drtool points --refresh")
                continue
            try:
                tree = self.data_of(row)
            except DrtoolError as error:
                failed[data.id] = error
                continue
            for path, node in sorted(tree.items()):
                if request.wanted(path):
                    on_found(data, _entry(path, node))
        return failed

    def mount(self, request: MountRequest) -> None:
        raise Refused(f"{self.name} is in memory: nothing of it can be mounted at {request.directory}", hint="drtool browse")

    def copy(self, points: tuple[str, ...], origin: Repository, *, on_progress: ProgressListener | None = None) -> int:
        del on_progress
        if not isinstance(origin, MemoryRepository) or origin.storage is self.storage:
            raise Refused(f"{self.name} takes no copies from {origin.name}", hint="name another repository")
        reading, there = origin.look(), self.look()
        known = {point.point: point for point in reading.listing.points}
        for point in points:
            if point not in known or not known[point].stored:
                raise NotFound(f"the point {point} is not sealed and whole in {origin.name}", hint="drtool points --refresh")
        present = {point.point for point in there.listing.points if point.stored}
        self._recent = None
        written = 0
        for point in points if self.storage.identity else ():
            for row in (*reading.of_point(point, "data"), *reading.of_point(point, "manifest")) if point not in present else ():
                tree = origin.data_of(row)
                self._before_change("copying data")
                written += sum(len(node.body) for node in tree.values()) if row.tree not in self.storage.trees else 0
                self.storage.trees.setdefault(row.tree, tree)
                self._before_change("copying a snapshot")
                self.storage.add({**origin.storage.snapshots[row.id], "original": row.id})
        return written

    def forget(self, points: tuple[str, ...], *, pins: tuple[str, ...] = ()) -> None:
        reading = self.look()
        for point in points:
            rows = (*reading.of_point(point, "manifest"), *reading.of_point(point, "data"))
            if not rows or any(row.by != self._by for row in rows):
                raise Refused(f"the point {point} of {self.name} is not {self._by}'s", hint="drtool points", safe="nothing was removed")
        records = [row for row in reading.rows if row.role == "hold" and row.labels.get("hid") in pins]
        if any((row.by, row.labels.get("kind")) != (self._by, PIN) for row in records):
            raise Refused(f"not all of {', '.join(pins)} in {self.name} are pins of {self._by}", safe="nothing was removed")
        self._recent = None
        for role in ("manifest", "data"):
            for row in (row for point in points for row in reading.of_point(point, role)):
                self._remove(row.id)
        for row in records:
            self._remove(row.id)

    def discard(self, snapshots: tuple[str, ...]) -> None:
        unsealed = {item.id for item in self.look().listing.unsealed if item.by == self._by}
        for snapshot in snapshots:
            if snapshot in self.storage.snapshots and snapshot not in unsealed:
                raise Refused(
                    f"{snapshot} in {self.name} is no unsealed artifact of {self._by}", hint="drtool points", safe="nothing was removed"
                )
        self._recent = None
        for snapshot in snapshots:
            self._remove(snapshot)

    def prune(self, *, on_progress: ProgressListener | None = None) -> None:
        del on_progress
        self._require()
        claimed = {str(entry["tree"]) for entry in self.storage.snapshots.values()}
        for name in self.storage.trees.keys() - claimed:
            self._before_change("freeing space")
            del self.storage.trees[name]

    def verify(self, request: VerifyRequest | None = None, *, on_progress: ProgressListener | None = None) -> int:
        del on_progress
        self._require()
        wanted = set(self.storage.trees)
        if request is not None and request.point:
            reading = self.look()
            if not reading.of_point(request.point, "manifest"):
                raise NotFound(f"the repository {self.name} does not hold the point {request.point}", hint="drtool points --refresh")
            rows = (*reading.of_point(request.point, "data"), *reading.of_point(request.point, "manifest"))
            wanted = {row.tree for row in rows}
        elif request is not None and request.slices:
            wanted = set(self.packs(request.slices)[request.slice - 1])
        lost = sorted(name for name in wanted if name in self.storage.damaged or name not in self.storage.trees)
        if lost:
            raise Corrupt(f"the repository {self.name} is damaged: {', '.join(lost)}", hint="use another copy", repository=self.name)
        return sum(len(node.body) for name in wanted for node in self.storage.trees[name].values())

    def packs(self, slices: int) -> tuple[frozenset[str], ...]:
        self._require()
        found: list[set[str]] = [set() for _slice in range(slices)]
        for name in self.storage.trees:
            found[int(name[:8], 16) % slices].add(name)
        return tuple(map(frozenset, found))

    def append(self, body: Body) -> str:
        self._require()
        node = _Node("file", 0o600, 0, canonical(body))
        self._recent = None
        tags = body_tags(body, sign=self._signing(body))
        return self._write({body_name(body): node}, tags, body_name(body))

    def list_keys(self) -> tuple[RepositoryKey, ...]:
        """Return none: nothing is encrypted here."""
        return ()

    def read(self, snapshot: str, *, unlisted: bool = False) -> bytes:
        del unlisted  # a look costs nothing
        row = self.look().find(snapshot)
        if row is None or row.role == "data":
            raise NotFound(f"{snapshot} is no record of drtool in the repository {self.name}", hint="drtool points --refresh")
        data = next(iter(self.data_of(row).values())).body
        if row.labels.get("digest", hashlib.sha256(data).hexdigest()) != hashlib.sha256(data).hexdigest():
            raise Corrupt(f"the record {snapshot} in {self.name} differs from its digest", hint="use another copy", repository=self.name)
        return data

    def guarantees(self) -> Guarantees:
        self._require()
        return Guarantees(encrypted=True, site=self._site, identity=self.storage.identity, program_version="memory")

    def examine(self, places: Sequence[WorkPlace] = (), *, coming_bytes: int = 0) -> tuple[Finding, ...]:
        del places, coming_bytes
        there = bool(self.storage.identity)
        return (
            Finding(f"repository {self.name}", there, "it is in memory" if there else "it does not exist", "" if there else "drtool init"),
        )

    def _write(self, tree: _Tree, tags: Sequence[str], path: str) -> str:
        """Write data, then the snapshot that names it."""
        name = _digest_of(tree)
        self._before_change("writing data")
        self.storage.trees.setdefault(name, tree)
        self._before_change("writing a snapshot")
        return self.storage.add({"tree": name, "paths": [path], "tags": list(tags), "time": self._clock.now().isoformat()})

    def _remove(self, identifier: str) -> None:
        """Give one snapshot up; its data stays until the next prune."""
        self._before_change("removing a snapshot")
        self.storage.snapshots.pop(identifier, None)

    def _require(self) -> None:
        if not self.storage.identity:
            raise NoRepository(f"there is no repository {self.name}", hint="drtool init")

    def look(self, maximum_age_seconds: float = 0.0) -> TranslatedListing:
        """Return what is there, with the ids behind it."""
        self._require()
        if self._recent is not None and 0 < self._clock.monotonic() - self._recent[0] + 1e-9 <= maximum_age_seconds:
            return self._recent[1]
        document = json.loads(json.dumps(list(self.storage.snapshots.values())))
        signer_of = None if self._notary is None else self._notary.signer_of
        reading = read_snapshots(document, repository=self.name, taken=self._clock.now(), signer_of=signer_of)
        if self._notary is not None:
            reading = replace(reading, listing=self._notary.judge(reading.listing, self.name))
        self._recent = (self._clock.monotonic(), reading)
        return reading

    def _find_data(self, artifact: Artifact, point: str, workload: str) -> Row:
        for row in self.look().of_point(point, "data"):
            if row.labels["workload"] == workload and row.tree == artifact.tree:
                return row
        raise NotFound(f"the repository {self.name} does not hold {workload} of the point {point}", hint="another copy may have it")

    def data_of(self, row: Row) -> _Tree:
        """Return what a snapshot holds; Corrupt where it is damaged."""
        if row.tree in self.storage.damaged or row.tree not in self.storage.trees:
            raise Corrupt(f"data of {row.point} in {self.name} is damaged", hint="use another copy", repository=self.name)
        return self.storage.trees[row.tree]

    def _take_stream(self, request: PutRequest) -> tuple[PutResult, _Tree, str]:
        producer, workload = request.artifact.producer, request.labels.workload
        if producer is None:
            raise Refused(f"{workload} names no command that prints it", hint="write `command:` of that source")
        chunks: list[bytes] = []
        piped = (request.artifact.producer_runner or request.runner).pipe(producer, consume=chunks.append)
        code = piped.command.exit_code
        if code != 0 or not piped.bytes:
            why = "printed nothing" if code == 0 else f"ended with exit code {code}" if code > 0 else f"was ended by signal {-code}"
            said = f"{producer.argv[0]}, which prints {workload}, {why}: {piped.command.said() or 'it said nothing'}"
            raise Refused(said, hint="run that command by hand", safe="nothing of it was stored; earlier points are untouched")
        path = "/" + (request.artifact.path or request.artifact.name).lstrip("/")
        tree = {path: _Node("file", 0o600, 0, b"".join(chunks))}
        return PutResult("", files=1, bytes=piped.bytes, stored_bytes=0, sha256=piped.sha256), tree, path

    def _signing(self, body: Body) -> Callable[[bytes], str] | None:
        notary = self._notary
        if notary is None:
            return None

        def sign(text: bytes) -> str:
            try:
                return notary.sign(text)
            except Refused:
                if isinstance(body, Hold):  # one that cannot be signed is written all the same: it only keeps
                    return ""
                raise

        return sign


def _entry(path: str, node: _Node) -> Entry:
    return Entry(path, node.type, len(node.body) if node.type == "file" else 0, node.mode & 0o7777, str(node.modified))


def _digest_of(tree: _Tree) -> str:
    digest = hashlib.sha256()
    for path, node in sorted(tree.items()):
        digest.update(f"{path!r} {node.type} {node.mode} {node.modified} {len(node.body)}\n".encode())
        digest.update(node.body)
    return digest.hexdigest()


def _read_tree(request: PutRequest) -> tuple[PutResult, _Tree]:
    """Read what a restic with the same request would; Refused for rules that only a real repository knows."""
    artifact = request.artifact
    if artifact.exclude_if_present or artifact.exclude_caches:
        raise Refused("a repository in memory knows no marks that leave folders out", hint="exclude by patterns")
    root, excluded = Path(artifact.path), excluded_by(artifact.excludes)
    tree: _Tree = {}
    unreadable: list[str] = []
    vanished: list[str] = []
    waiting = [root]
    while waiting:
        path = waiting.pop()
        if path != root and excluded(os.fsencode(path)):
            continue
        try:
            node = _node_of(path)
            if node.type == "dir":
                waiting += path.iterdir()
            tree[str(path)] = node
        except FileNotFoundError:
            vanished.append(str(path))
        except OSError as error:
            unreadable.append(f"{path}: {error.strerror}")
    files = [node for node in tree.values() if node.type == "file"]
    size = sum(len(node.body) for node in files)
    return PutResult("", len(files), size, 0, tuple(unreadable), tuple(vanished)), tree


def _node_of(path: Path) -> _Node:
    told = path.lstat()
    kind = _TYPES.get(stat.S_IFMT(told.st_mode), "other")
    body = path.read_bytes() if kind == "file" else os.fsencode(os.readlink(path)) if kind == "symlink" else b""
    return _Node(kind, told.st_mode, told.st_mtime_ns, body)


def _write_node(path: Path, node: _Node) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if node.type == "symlink":
        path.symlink_to(os.fsdecode(node.body))
        return
    if node.type == "dir":
        path.mkdir(exist_ok=True)
    elif node.type == "fifo":
        os.mkfifo(path)
    else:
        path.write_bytes(node.body)
    path.chmod(node.mode & 0o7777)
    os.utime(path, ns=(node.modified, node.modified))


def _pour_stream(request: GetRequest, body: bytes, path: str) -> GetResult:
    census = request.artifact.census
    if request.into is not None:
        done = request.runner.run(replace(request.into, standard_input=body))
        if done.exit_code != 0:
            said = f"{request.into.argv[0]}, which takes {request.workload}, ended with {done.exit_code}: {done.said(300)}"
            raise Refused(said, hint="look there for room and rights", safe="what is in service was not touched")
    if (census.bytes, census.sha256) != (len(body), hashlib.sha256(body).hexdigest()):
        raise Corrupt(f"{request.workload} is not what was stored", hint="use another copy for this restore")
    if request.into is None:
        target = Path(request.directory + (request.artifact.path or path))
        with contextlib.suppress(FileExistsError):
            target.parent.mkdir(parents=True)
        target.write_bytes(body)
    return GetResult(bytes=len(body), files=1, program="memory")


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")
