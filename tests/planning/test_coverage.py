"""Which paths a set covers: at or below its own, not excluded there, and reached by it."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as some

from drtool.planning.coverage import Covering, covering, sets_covering
from tests.planning.planning_values import workload

NAMES = some.sampled_from(["srv", "srvx", "x", "home", "a b", "é"])
PATHS = some.lists(NAMES, max_size=4).map(lambda parts: "/" + "/".join(parts))


@pytest.mark.parametrize(
    ("path", "covered"), [("/srv", True), ("/srv/x", True), ("/srv/x/y", True), ("/srvx", False), ("/", False), ("/home", False)]
)
def test_a_path_covers_itself_and_what_lies_below(path: str, covered: bool) -> None:  # noqa: FBT001 - a case
    assert Covering("documents", "/srv").covers(path) is covered


@given(base=PATHS, path=PATHS)
def test_it_goes_by_whole_names(base: str, path: str) -> None:
    parts, above = path.strip("/").split("/"), base.strip("/").split("/")
    expected = base == "/" or parts[: len(above)] == above
    assert Covering("documents", base).covers(path) is expected


@given(base=PATHS, path=PATHS, more=NAMES)
def test_what_lies_in_what_is_excluded_is_not_covered(base: str, path: str, more: str) -> None:
    inside = posixpath.join(base, more)
    rule = Covering("documents", base, excludes=(inside,))
    assert not rule.covers(inside)
    assert not rule.covers(posixpath.join(inside, path.lstrip("/")).rstrip("/"))
    assert rule.covers(base), "what remains of it is"


def test_patterns_are_those_of_the_repository_program() -> None:
    rule = Covering("documents", "/srv", excludes=("*.img", "/srv/cache/**", "!/srv/kept.img"))
    assert not rule.covers("/srv/vm.img")
    assert not rule.covers("/srv/vm.img/partition")
    assert rule.covers("/srv/kept.img")
    assert not rule.covers("/srv/cache/x")
    assert rule.covers("/srv/photos")
    taken_back = Covering("documents", "/srv", excludes=("/srv/cache", "!/srv/cache/kept"))
    assert not taken_back.covers("/srv/cache/kept"), "nobody goes into a folder that is left out"


def test_a_nested_mount_is_crossed_unless_the_set_says_so() -> None:
    mounts = ("/", "/srv", "/srv/photos")
    assert Covering("all", "/", mounts=mounts).covers("/srv/photos/2026")
    alone = Covering("all", "/", one_file_system=True, mounts=mounts)
    assert not alone.covers("/srv")
    assert not alone.covers("/srv/photos/2026")
    assert alone.covers("/home")
    assert Covering("all", "/srv", one_file_system=True, mounts=mounts).covers("/srv/music")
    assert not Covering("all", "/srv", one_file_system=True, mounts=mounts).covers("/srv/photos")


def test_every_path_needs_a_set() -> None:
    known = (Covering("a", "/srv/a"), Covering("b", "/srv/b"), Covering("all", "/srv"))
    assert sets_covering(("/srv/a", "/srv/b"), known[:2]) == (("a", "b"), ())
    assert sets_covering(("/srv/a", "/srv/c"), known[:2]) == (("a",), ("/srv/c",))
    assert sets_covering(("/srv/a",), known) == (("a", "all"), ())
    assert sets_covering((), known) == ((), ())


@pytest.mark.parametrize("pattern", ["/srv/*", "srv/*", "/srv/**", "/srv/?*", "/srv/*/*", "/srv", "srv", "/", "*"])
def test_a_folder_of_which_no_more_than_its_name_is_stored_is_not_covered(pattern: str) -> None:
    assert not Covering("all", "/", excludes=(pattern,)).covers("/srv")
    assert not Covering("documents", "/srv", excludes=(pattern,)).covers("/srv/data")


@pytest.mark.parametrize(
    ("excludes", "empty"),
    [
        (("/srv",), True),
        (("/srv/data",), True),
        (("data",), True),
        (("/srv/data/*",), True),
        (("*",), True),
        (("/srv/data/*", "!/srv/data/kept"), False),
        (("/srv/data/*/*",), False),
        (("/srv/data/x", "*.img", "/srvx"), False),
        ((), False),
    ],
)
def test_a_set_may_leave_out_all_of_its_own_path(excludes: tuple[str, ...], empty: bool) -> None:  # noqa: FBT001 - a case
    assert Covering("documents", "/srv/data", excludes=excludes).is_empty is empty


def test_where_nobody_knows_what_is_mounted_one_file_system_is_no_promise() -> None:
    assert not Covering("all", "/srv", one_file_system=True).covers("/srv/pg")
    assert Covering("all", "/srv").covers("/srv/pg")


def test_what_this_user_cannot_read_is_not_covered() -> None:
    def rule(*barred: str) -> Covering | None:
        return covering("all", workload("here:/srv", selector={"path": "/srv"}), (), barred=barred)

    shut = rule("/srv/pg")
    assert shut is not None
    assert {path: shut.covers(path) for path in ("/srv", "/srv/pg", "/srv/pg/data", "/srv/pgx")} == {
        "/srv": False,
        "/srv/pg": False,
        "/srv/pg/data": False,
        "/srv/pgx": True,
    }
    assert rule("/srv/a", "and 3 more") is None, "nobody knows which"


def test_what_is_not_read_covers_nothing() -> None:
    assert covering("a", workload("here:/srv", selector={"path": "/srv"}, problem="/srv cannot be read"), ()) is None
    assert covering("a", workload("billing"), ()) is None
    rules = {"path": "/srv", "exclude": ["x"], "one_file_system": True}
    assert covering("a", workload("here:/srv", selector=rules), ("/",)) == Covering(
        "a", "/srv", ("x",), one_file_system=True, mounts=("/",)
    )
