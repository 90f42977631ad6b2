"""What a policy that came out of a repository can do, action by action and secret by secret: with a real repository and real files."""

from __future__ import annotations

import socket
import threading
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drtool import process
from drtool.app.composition import SOURCES
from drtool.app.facade import App
from drtool.app.opening import open_repository
from drtool.app.runtime import Runtime
from drtool.engine.actions.work import Work
from drtool.engine.adapters import Adapters
from drtool.engine.perform import perform
from drtool.model import plan as actions
from drtool.model.errors import DrtoolError, NotFound, Refused
from drtool.model.hold import Hold
from drtool.model.negative_control import Controlled, Fault
from drtool.model.outcome import Outcome
from drtool.model.plan import Action, Answer, Destination, Fetched, Landed, Plan, Restored, Result, Step, Stored
from drtool.model.point import Census, Manifest, Member
from drtool.model.policy import CheckPolicy, Hook, Hooks, Policy, Protect, Quarantine, Retention, SourcePolicy
from drtool.model.secret import SCHEMES, SecretReference
from drtool.model.workload import Leftover, Workload
from drtool.planning.restore import RestoreRequest
from drtool.staging.staged import Staged, locator_of
from drtool.testing.source_contract import inspected
from tests.contracts.test_drill_adapters import looked_at
from tests.integration.key_world import KeyWorld, make_key_world
from tests.rig.opened import bare_runtime_of, runtime_of

ORIGINAL = Destination("original")
LATER = datetime.now(UTC) + timedelta(hours=1)
WORDS = "repository"
"""Whatever is refused says where the order came from."""


class Listener:
    """Somebody at an address of this machine who remembers whether anybody came."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.visits = 0
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.visits += 1
                connection.close()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@dataclass(frozen=True)
class Stranger:
    """A repository with the policy of somebody else inside, opened with nothing but its key; and what of this machine it may not touch."""

    world: KeyWorld
    app: App
    runtime: Runtime
    manifest: Manifest
    outside: Path
    results: dict[str, Result] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    @property
    def adapters(self) -> Adapters:
        """Its adapters, as if its policy had a sandbox too."""
        adapters = self.runtime.adapters
        return replace(adapters, policy=replace(adapters.policy, sandboxes=self.world.app().policy.sandboxes))

    @property
    def member(self) -> Member:
        return self.manifest.members[0]

    @property
    def workload(self) -> Workload:
        return Workload(self.member.workload, "here", "files", selector={"paths": [str(self.world.tree)]})

    def plan(self, action: Action) -> tuple[Plan, Step]:
        step = Step("documents/step", action, "a test", set="documents", needs=tuple(each.id for each in self.steps))
        return Plan("restore", self.adapters.clock.fresh_id(), "keyed", datetime.now(UTC), (*self.steps, step)), step

    def perform(self, action: Action) -> Result:
        plan, step = self.plan(action)
        return perform(Work(plan, step, self.results, self.adapters, lambda _progress: None))

    def state(self) -> dict[str, Any]:
        roots = (self.world.tree, self.outside, self.world.repository)
        return {str(path): looked_at(path) for root in roots for path in sorted(root.rglob("*")) if path.parent.name != "locks"}

    @contextmanager
    def nothing_changes(self) -> Iterator[None]:
        before = self.state()
        yield
        assert self.state() == before

    def restore(self, destination: Destination, **member: Any) -> actions.Restore:  # noqa: ANN401
        return actions.Restore(self.manifest.point, replace(self.member, **member), ("repository",), destination)

    def ask(self, kind: str, **settings: Any) -> actions.Ask:  # noqa: ANN401
        place = locator_of(Staged("", "", str(self.world.tree), ""))
        self.results["restored"] = Restored(self.member.workload, "here", ORIGINAL, str(self.world.tree), self.member, locator=place)
        return actions.Ask(CheckPolicy(kind, kind, settings=settings), {self.member.workload: "restored"}, LATER)


def disguised(workload: Workload, kind: str) -> Workload:
    """Name a workload of files as one of another kind is named."""
    if kind == "truenas":
        return replace(workload, name="here:tank/x", kind=kind, selector={**workload.selector, "dataset": "tank/x"})
    if kind == "proxmox":
        return replace(workload, name="here:system", kind=kind, selector={**workload.selector, "system": True})
    return replace(workload, name="here" if kind == "stream" else workload.name, kind=kind)


def seal_as(world: KeyWorld, change: Callable[[Policy], Policy], *, fitting: bool = False) -> None:
    """Seal a point of the world's tree whose policy is what somebody wants it to be; `fitting`: its member says the same."""
    own = world.adapters()
    policy = change(own.policy)
    if fitting and policy.sources["here"].kind == "truenas":
        policy = with_set(protect=(Protect("here", {"dataset": "tank/x"}),))(policy)
    if fitting and policy.sources["here"].kind == "proxmox":
        policy = with_set(protect=(Protect("here", {"system": True}),))(policy)
    adapters = replace(own, policy=policy)
    (workload,) = own.sources["here"].discover({"paths": [str(world.tree)]})
    if fitting:
        workload = disguised(workload, adapters.policy.sources["here"].kind)
    point, run = adapters.clock.fresh_id(), adapters.clock.fresh_id()
    store = Step("documents/store", actions.Store(workload, "near", point, LATER), "a test", set="documents")
    seal = Step("documents/seal", actions.Seal("near", point, {workload.name: store.id}), "a test", set="documents")
    plan = Plan("run", run, "keyed", adapters.clock.now(), (store, seal))
    results: dict[str, Result] = {}
    with process.scope(process.Scope(label=f"{run}/test")):
        for step in plan.steps:
            results[step.id] = result = perform(Work(plan, step, results, adapters, lambda _progress: None))
            if isinstance(result, Stored) and workload.kind == "stream":
                (artifact,) = result.member.artifacts
                stream = replace(artifact, form="stream", path="/here", census=Census(1, 1, sha256="0" * 64))
                member = replace(result.member, artifacts=(stream,))
                results[step.id] = replace(result, member=member)


def opened(world: KeyWorld, **given: Any) -> App:  # noqa: ANN401
    """Open the repository as a bare machine does."""
    return open_repository(
        str(world.repository), str(world.live), state_directory=str(world.root / "bare-state"), binary=str(world.binary), **given
    )


def stranger_of(world: KeyWorld, outside: Path) -> Stranger:
    state, binary = str(world.root / "bare-state"), str(world.binary)
    runtime = bare_runtime_of(str(world.repository), str(world.live), state_directory=state, binary=binary)
    app = App(runtime)
    manifest = app.show(app.points(refresh=True)[0].point.point)
    assert isinstance(manifest, Manifest)
    return Stranger(world, app, runtime, manifest, outside)


def with_source(**settings: Any) -> Callable[[Policy], Policy]:  # noqa: ANN401
    """Let the source be of another kind, with these settings."""
    kind = settings.pop("kind")
    return lambda policy: replace(policy, sources={"here": SourcePolicy("here", kind, "", settings)})


def with_set(**changes: Any) -> Callable[[Policy], Policy]:  # noqa: ANN401
    """Let the set say something else."""
    return lambda policy: replace(policy, sets={"documents": replace(policy.sets["documents"], **changes)})


@pytest.fixture(scope="module")
def module_world(tmp_path_factory: pytest.TempPathFactory, restic_newest: Path) -> Iterator[tuple[KeyWorld, Path]]:
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("stranger")
        patch.setenv("XDG_CACHE_HOME", str(root / "cache"))
        outside = root / "outside"
        outside.mkdir()
        (outside / "secret").write_text("hush")
        (outside / "secret").chmod(0o600)
        yield make_key_world(root / "w", restic_newest), outside


@pytest.fixture
def stranger(module_world: tuple[KeyWorld, Path], home: Path) -> Stranger:
    world, outside = module_world
    seal_as(world, lambda policy: policy)
    return stranger_of(world, outside)


@pytest.fixture
def sealed(module_world: tuple[KeyWorld, Path], home: Path) -> tuple[KeyWorld, Path]:
    return module_world


def landed_in_production(stranger: Stranger) -> Result:
    path = str(stranger.outside)
    place = Staged(f"{path}.staging", f"{path}.staging/x", path, f"{path}.staging.json")
    landed = Landed(stranger.member.workload, "here", ORIGINAL, path, locator_of(place))
    return Fetched(landed, stranger.member, "repository", 0, 0)


def cutting_over(stranger: Stranger) -> Action:
    """As if something had been landed for a source that lies elsewhere."""
    stranger.results["restored"] = landed_in_production(stranger)
    stranger.steps.append(Step("restored", stranger.restore(ORIGINAL), "a test"))
    return actions.Cutover("restored", "here")


def breaking(stranger: Stranger) -> Action:
    stranger.steps.append(Step("ask", stranger.ask("files", at_least=1), "a test"))
    return actions.Break(Fault.FLIPPED_BYTE, ("ask",), stranger.member.workload)


def sandbox(stranger: Stranger) -> Action:
    return actions.Reserve("here", Destination("sandbox", sandbox="lab"), 1, LATER)


def sealing(stranger: Stranger) -> Action:
    """The data of a new point was stored by somebody's run."""
    own = stranger.world.adapters()
    (workload,) = own.sources["here"].discover({"paths": [str(stranger.world.tree)]})
    step = Step("documents/stored", actions.Store(workload, "near", "01NEWPOINT", LATER), "a test", set="documents")
    plan = Plan("run", "01RUN", "keyed", datetime.now(UTC), (step,))
    stranger.results["stored"] = perform(Work(plan, step, {}, own, lambda _progress: None))
    return actions.Seal("repository", "01NEWPOINT", {stranger.member.workload: "stored"})


def releasing(stranger: Stranger) -> Action:
    return actions.Release(Leftover("here", "kept", str(stranger.outside), "01RUN", "keyed"))


def starting(stranger: Stranger) -> Action:
    stranger.ask("files")
    return actions.Start("restored", "here")


def undoing(stranger: Stranger) -> Action:
    """As if a restore had kept something aside."""
    return actions.Undo(Leftover("here", "kept", str(stranger.outside), "01RUN", "keyed", target=str(stranger.world.tree)))


# One action each by which a policy out of a repository would do something to this machine, or to that repository.
REFUSED: dict[type, Callable[[Stranger], Action]] = {
    actions.Initialise: lambda _stranger: actions.Initialise("repository"),
    actions.RunHook: lambda stranger: actions.RunHook("before_restore", Hook(("touch", str(stranger.outside / "hooked")), "here")),
    actions.Reserve: sandbox,
    actions.Quiesce: lambda stranger: actions.Quiesce("here", (stranger.workload,), "label", 30.0),
    actions.TakeSnapshot: lambda stranger: actions.TakeSnapshot(stranger.workload, "label"),
    actions.Store: lambda stranger: actions.Store(stranger.workload, "repository", "01NEWPOINT", LATER),
    actions.Seal: sealing,
    actions.Copy: lambda _stranger: actions.Copy("repository", "repository", ("01ABSENT",)),
    actions.Release: releasing,
    actions.Forget: lambda stranger: actions.Forget("repository", (stranger.app.points()[-1].point.point,)),
    actions.Prune: lambda _stranger: actions.Prune("repository"),
    actions.Restore: lambda stranger: stranger.restore(ORIGINAL),
    actions.Cutover: cutting_over,
    actions.Start: starting,
    actions.Undo: undoing,
}
NOT_ASKED: dict[type, Callable[[Stranger], Action]] = {
    actions.Ask: lambda stranger: stranger.ask("command", run=["touch", str(stranger.outside / "asked")])
}
HARMLESS: dict[type, Callable[[Stranger], Action]] = {
    actions.Break: breaking,
    actions.PlaceHold: lambda stranger: actions.PlaceHold("repository", stranger.manifest.point, "01HOLD", LATER, "a restore"),
    actions.EndHold: lambda _stranger: actions.EndHold("repository", hold=Hold("01X", "documents", "keyed", "y", datetime.now(UTC))),
    actions.Guard: lambda stranger: actions.Guard("repository", stranger.manifest.point, Quarantine()),
    actions.Verify: lambda _stranger: actions.Verify("repository"),
    actions.Thaw: lambda _stranger: actions.Thaw("nothing was held still", "here"),
}
BY_HAND: frozenset[type] = frozenset({actions.Mount, actions.Record})
"""What only the command line says: where to show a point. And a drill's record, which no policy without a sandbox can come to."""


def test_every_action_has_a_decision() -> None:
    decided = [*REFUSED, *NOT_ASKED, *HARMLESS, *BY_HAND]
    assert len(decided) == len(set(decided))
    assert set(typing.get_args(Action)) == set(decided)


@pytest.mark.parametrize("kind", REFUSED, ids=lambda kind: str(kind.__name__))
def test_what_a_strangers_policy_may_not_do(sealed: tuple[KeyWorld, Path], listener: Listener, kind: type) -> None:
    world, outside = sealed
    far = with_source(kind="truenas", url=f"wss://{listener.address}", user="root", key=f"file:{outside}/secret")
    seal_as(world, lambda policy: with_set(keep=Retention(last=1, verified=0))(far(policy)))
    stranger = stranger_of(world, outside)
    action = REFUSED[kind](stranger)
    assert type(action) is kind
    with stranger.nothing_changes(), pytest.raises(Refused, match=WORDS) as caught:
        stranger.perform(action)
    assert caught.value.hint
    assert caught.value.safe
    assert listener.visits == 0


@pytest.mark.parametrize("kind", HARMLESS, ids=lambda kind: str(kind.__name__))
def test_what_is_left_changes_nothing_of_this_machine(stranger: Stranger, kind: type) -> None:
    action = HARMLESS[kind](stranger)
    before = {path: seen for path, seen in stranger.state().items() if not path.startswith(str(stranger.world.repository))}
    result = stranger.perform(action)
    assert not isinstance(result, Controlled) or result.detected is None
    assert {path: seen for path, seen in stranger.state().items() if not path.startswith(str(stranger.world.repository))} == before


# checks

BEYOND: dict[str, Callable[[Path, str], dict[str, Any]]] = {
    "command": lambda outside, _address: {"run": ["touch", str(outside / "asked")]},
    "http": lambda _outside, address: {"url": f"http://{address}/latest/meta-data?x"},
    "tcp": lambda _outside, address: {"address": address},
    "sql": lambda _outside, address: {"database": f"postgresql://{address}/x"},
}
WITHIN: dict[str, dict[str, Any]] = {
    "files": {"at_least": 1},
    "census": {},
    "canary": {},
    "archive": {"path": "letters/0.txt"},
    "sql": {"sqlite": "letters/0.txt"},
    "truenas_config": {},
    "proxmox_config": {},
}


def test_every_check_has_a_decision(stranger: Stranger) -> None:
    assert stranger.adapters.checks.keys() == BEYOND.keys() | WITHIN.keys()


@pytest.mark.parametrize("kind", BEYOND)
def test_a_check_beyond_what_was_restored_is_not_asked(stranger: Stranger, listener: Listener, kind: str) -> None:
    settings = BEYOND[kind](stranger.outside, listener.address)
    with stranger.nothing_changes():
        answer = stranger.perform(stranger.ask(kind, **settings))
    assert isinstance(answer, Answer)
    assert not answer.passed
    assert "--trust-commands" in answer.skipped
    shown = settings.get("run", [next(iter(settings.values()))])[-1]
    assert shown in answer.skipped, "what it would have touched is shown"
    assert listener.visits == 0


@pytest.mark.parametrize("kind", WITHIN)
def test_a_check_of_what_was_restored_is_asked(stranger: Stranger, kind: str) -> None:
    answer = stranger.perform(stranger.ask(kind, **WITHIN[kind]))
    assert isinstance(answer, Answer)
    assert not answer.skipped


def test_a_source_adapters_no_variable_to_a_check(sealed: tuple[KeyWorld, Path]) -> None:
    """Such as a library to be loaded into every program a check runs."""
    world, _outside = sealed
    seal_as(world, with_source(kind="stream", command=["true"], environment={"LD_PRELOAD": "/tmp/evil.so"}))
    app = opened(world)
    member = Member("here", "here", "stream", {}, datetime.now(UTC), ())
    place = locator_of(Staged("", "", str(world.tree), ""))
    restored = Restored("here", "here", ORIGINAL, str(world.tree), member, locator=place)
    assert not inspected(runtime_of(app, world.binary).adapters.sources["here"], restored).environment


# secrets


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_secret_of_a_strangers_policy_is_resolved(sealed: tuple[KeyWorld, Path], monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    """Neither for a NAS it names, nor for a program, nor by the bare store."""
    world, outside = sealed
    monkeypatch.setenv("HUSH", "hush")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(outside))
    ran = outside / "secret-command"
    value = {"env": "HUSH", "file": f"{outside}/secret", "credential": "secret", "command": f"touch {ran}"}[scheme]
    reference = f"{scheme}:{value}"
    for settings in (
        {"kind": "truenas", "url": "wss://127.0.0.1:1", "user": "root", "key": reference, "passphrases": {"tank/x": reference}},
        {"kind": "stream", "command": ["true"], "restore": ["true"], "environment": {"PGPASSWORD": reference}},
    ):
        seal_as(world, with_source(**settings), fitting=True)
        app = opened(world)
        with pytest.raises(Refused, match="repository") as caught:
            app.restore(app.plan_restore(RestoreRequest(("documents",), ORIGINAL)))
        assert "hush" not in str(vars(caught.value))
        assert not ran.exists()
    from drtool.app.composition import make_secrets  # noqa: PLC0415
    from drtool.secrets.given import OnlyGiven  # noqa: PLC0415

    wanted = SecretReference(scheme, value)
    with pytest.raises(Refused, match="repository"):
        OnlyGiven(make_secrets(), {SecretReference("file", str(world.live))}).resolve(wanted)
    assert not ran.exists()


def test_what_the_command_line_gave_is_resolved(stranger: Stranger) -> None:
    assert stranger.adapters.repositories["repository"].list().points


# kinds


ELSEWHERE: dict[str, dict[str, Any]] = {
    "files": {"ssh": "evil@{address}", "ssh_config": "/tmp/x"},
    "truenas": {"url": "wss://{address}/api/current", "user": "root", "key": "env:HUSH"},
    "proxmox": {"url": "https://{address}", "token": "env:HUSH"},
    "kubernetes": {"context": "evil"},
}
BY_COMMAND: dict[str, dict[str, Any]] = {"stream": {"command": ["true"], "restore": ["touch", "{outside}/restored"]}}


def test_every_kind_of_source_has_a_decision() -> None:
    assert SOURCES.keys() <= ELSEWHERE.keys() | BY_COMMAND.keys()


def spelled(settings: Any, **words: str) -> Any:  # noqa: ANN401
    if isinstance(settings, str):
        return settings.format(**words)
    if isinstance(settings, list):
        return [spelled(each, **words) for each in settings]
    return {key: spelled(value, **words) for key, value in settings.items()}


@pytest.mark.parametrize("kind", [*ELSEWHERE, *BY_COMMAND])
def test_a_kind_that_connects_or_runs_is_refused_in_place_and_given_to_a_directory(
    sealed: tuple[KeyWorld, Path], listener: Listener, tmp_path: Path, kind: str
) -> None:
    world, outside = sealed
    settings = spelled({**ELSEWHERE, **BY_COMMAND}[kind], address=listener.address, outside=str(outside))
    seal_as(world, with_source(kind=kind, **settings), fitting=True)
    app = opened(world)
    with pytest.raises(Refused, match="repository") as caught:
        app.plan_restore(RestoreRequest(("documents",), ORIGINAL))
    assert "--to directory" in caught.value.hint
    assert "--trust-commands" in caught.value.hint
    shown = next(iter(settings.values())) if kind in ELSEWHERE else "touch"
    assert shown in caught.value.what
    to = Destination("directory", str(tmp_path / "out"))
    report = app.restore(app.plan_restore(RestoreRequest(("documents",), to)))
    if kind in ELSEWHERE:
        assert report.outcome is Outcome.SUCCEEDED, report.failures
        assert len(list((tmp_path / "out").rglob("0.txt"))) == 1
    assert not (outside / "restored").exists()
    assert listener.visits == 0


@pytest.mark.parametrize("kind", [*ELSEWHERE, *BY_COMMAND])
def test_what_was_put_in_place_elsewhere_is_not_looked_for(sealed: tuple[KeyWorld, Path], listener: Listener, kind: str) -> None:
    world, outside = sealed
    settings = spelled({**ELSEWHERE, **BY_COMMAND}[kind], address=listener.address, outside=str(outside))
    seal_as(world, with_source(kind=kind, **settings), fitting=True)
    with pytest.raises(NotFound, match="comes out of the repository") as caught:
        opened(world).plan_undo("01RUN")
    assert "--trust-commands" in caught.value.hint
    assert listener.visits == 0


@pytest.mark.parametrize("kind", sorted({*ELSEWHERE, *BY_COMMAND} - {"files"}))
def test_a_point_of_another_kind_than_its_policy_says_is_refused_in_place(
    sealed: tuple[KeyWorld, Path], listener: Listener, kind: str
) -> None:
    world, outside = sealed
    settings = spelled({**ELSEWHERE, **BY_COMMAND}[kind], address=listener.address, outside=str(outside))
    seal_as(world, with_source(kind=kind, **settings))
    app = opened(world)
    with pytest.raises(Refused, match=f"of the kind {kind}") as caught:
        app.plan_restore(RestoreRequest(("documents",), ORIGINAL))
    assert "--to directory" in caught.value.hint
    assert caught.value.safe == "nothing was changed"
    assert not (outside / "restored").exists()
    assert listener.visits == 0


@pytest.mark.parametrize("kind", SOURCES)
def test_keys_that_look_like_a_way_out_are_declared(kind: str) -> None:
    from drtool.app.composition import FACTS, KINDS  # noqa: PLC0415

    keys = set(KINDS.sources()[kind].model_fields)
    ways_out = {key for key in keys if key in {"ssh", "url", "host", "address", "server", "endpoint", "context", "kubeconfig"}}
    assert ways_out <= FACTS[kind].connects.keys()
    assert FACTS[kind].connects.keys() | FACTS[kind].runs.keys() <= keys


# a whole restore


def hostile(listener: Listener, outside: Path) -> Callable[[Policy], Policy]:
    hook = Hook(("touch", str(outside / "hooked")), "here", on_failure="continue")
    checks = tuple(
        CheckPolicy(kind, f"{kind} of a stranger", settings=make(outside, listener.address))
        for kind, make in BEYOND.items()
        if kind != "sql"
    )
    return with_set(hooks=Hooks(before_restore=(hook,), after_restore=(hook,)), checks=checks)


def test_a_restore_in_place_without_anything_of_the_stranger(sealed: tuple[KeyWorld, Path], listener: Listener) -> None:
    world, outside = sealed
    seal_as(world, hostile(listener, outside))
    app = opened(world)
    plan = app.plan_restore(RestoreRequest(("documents",), ORIGINAL))
    told = [note for note in plan.notes if note.startswith("not asked: ")]
    assert len(told) == 3
    assert sum(listener.address in note for note in told) == 2
    assert [skipped.what for skipped in plan.skipped] == [
        f"{phase} restore: touch {outside}/hooked (on here)" for phase in ("before", "after")
    ]
    assert all(skipped.outcome == Outcome.PARTIAL for skipped in plan.skipped)
    assert not any(isinstance(step.action, actions.RunHook) for step in plan.steps)
    report = app.restore(plan)
    asked = [step for step in report.steps if step.action == "ask"]
    assert len([step for step in asked if step.result["skipped"]]) == 3
    assert (world.tree / "letters" / "0.txt").exists()
    assert list(outside.iterdir()) == [outside / "secret"]
    assert listener.visits == 0


def test_a_hook_that_the_policy_requires_refuses_the_restore_in_place(sealed: tuple[KeyWorld, Path], tmp_path: Path) -> None:
    world, outside = sealed
    hook = Hook(("touch", str(outside / "hooked")), "here")
    seal_as(world, with_set(hooks=Hooks(before_restore=(hook,))))
    app = opened(world)
    with pytest.raises(Refused, match="before it the policy runs touch") as caught:
        app.plan_restore(RestoreRequest(("documents",), ORIGINAL))
    assert "--to directory" in caught.value.hint
    to = Destination("directory", str(tmp_path / "out"))
    assert app.restore(app.plan_restore(RestoreRequest(("documents",), to))).outcome is Outcome.SUCCEEDED
    assert not (outside / "hooked").exists()


def test_trusting_the_commands_takes_the_wrappers_off(sealed: tuple[KeyWorld, Path], listener: Listener) -> None:
    world, outside = sealed
    seal_as(world, hostile(listener, outside))
    app = opened(world, trust_commands=True)
    plan = app.plan_restore(RestoreRequest(("documents",), ORIGINAL))
    assert not any(note.startswith("not asked: ") for note in plan.notes)
    app.restore(plan)
    assert (outside / "hooked").exists()
    assert (outside / "asked").exists()
    assert listener.visits
    for name in ("hooked", "asked"):
        (outside / name).unlink()


def test_no_library_call_makes_a_strangers_policy_store_this_machine(stranger: Stranger) -> None:
    before = len(stranger.app.points(refresh=True))
    with suppress(DrtoolError):
        assert stranger.app.run().outcome is not Outcome.SUCCEEDED
    assert len(stranger.app.points(refresh=True)) == before


def test_the_word_left_the_signatures() -> None:
    import ast  # noqa: PLC0415

    import drtool  # noqa: PLC0415

    package = Path(drtool.__file__).parent
    found = [
        f"{module.relative_to(package)}: {name}"
        for module in package.rglob("*.py")
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        for name in _names(node)
        if "trusted" in name.split("_")
    ]
    assert found == []


def _names(node: Any) -> Iterator[str]:  # noqa: ANN401
    import ast  # noqa: PLC0415

    if isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id
