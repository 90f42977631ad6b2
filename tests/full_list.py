"""What `scripts/test` leaves to `scripts/test --all`, and which tests show the same kind in the short list.

A pattern is a test's id in which `*` stands for anything. Each run of CI carries out a tenth of these, chosen by its commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class LeftOut:
    """Tests of the full list: all that fit `tests` but those that fit one of `but`; `shown` are others that show the same kind."""

    tests: str
    why: str
    but: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()


_TWICE = "a second death in the sweep after the first, which memory shows for every platform"
_MEMORY = "tests/contracts/test_memory_killed.py::*"
_KILLED = "tests/contracts/test_files_killed.py::TestKilledInFiles::*"
_RELEASES = "tests/truenas/test_killed_releases.py::test_the_next_sweep_leaves_nothing"
_WORKS_ON = "tests/truenas/test_killed.py::test_a_nas_that_works_on_after_our_death"
_NAS_FAULT = "tests/truenas/test_nas_faults.py::test_fault"
_CUT_FOR_GOOD = "tests/truenas/test_nas_faults.py::test_the_connection_is_cut_for_good"
_CUT = "tests/truenas/test_circle.py::test_a_connection_cut_in_any_call_changes_nothing"
_STORE_WORDS = "tests/integration/test_store_words.py::test_what_a_store_says_to_the"
_RESTIC = "tests/contracts/test_restic_repository.py"
_OWED = "tests/truenas/test_in_use.py::test_what_was_stopped_is_owed_to_the_next_sweep"
_NESTED = "tests/faults/test_sigkill_nested.py::test"
_SHARES = "tests/contracts/test_truenas_source.py::TestTruenasSourceOverItsShares::test"
_CI_JOB = "tests/docs/test_ci_pipelines.py::test_the_job_ends_as_the_drill_did"
_RESTIC_CALLS = "tests/faults/test_sigkill.py::test_killed_in_restic_calls"
_SERVER_DIES = "tests/faults/test_faults.py::test_a_server_that_dies_in_the_middle"
_NOT_THERE = "tests/faults/test_faults.py::test_a_repository_that_is_not_there_or_does_not_open"
_CARRY = "tests/contracts/test_files_carry.py::test"

FULL_LIST: Final[tuple[LeftOut, ...]] = (
    LeftOut(
        "tests/docs/test_quarter_of_an_hour.py::test_a_newcomer_comes_from_nothing_to_a_proof",
        "everything that the README says to type, by the whole program in one terminal",
        shown=("tests/cli/test_new_terminal.py::test_questions_and_answers", "tests/cli/test_end_to_end.py::*"),
    ),
    LeftOut(
        "tests/docs/test_benchmarks.py::test_the_benchmark_of_a_nas_finds_everything_again*",
        "a benchmark that goes the whole circle of a NAS",
        shown=("tests/truenas/test_circle.py::test_destroyed_datasets_come_back_in_any_order[zfs-*",),
    ),
    LeftOut(
        "tests/docs/test_benchmarks.py::*",
        "benchmarks that measure for a minute and more",
        but=(
            "tests/docs/test_benchmarks.py::test_hosts_that_share_a_repository_lose_nothing",
            "tests/docs/test_benchmarks.py::test_the_benchmark_of_locks_asks_for_each_once",
        ),
    ),
    LeftOut(
        f"{_CI_JOB}[*",
        "the same job by another service",
        but=(f"{_CI_JOB}[*-github-actions.yml]",),
    ),
    LeftOut(
        "tests/truenas/test_listing.py::test_five_hundred_are_looked_at_by_as_many_calls_as_five",
        "five hundred datasets, of which most of a minute goes into making them",
        shown=("tests/truenas/test_listing.py::test_whoever_only_looks_asks_as_often_for_many_as_for_few[*",),
    ),
    LeftOut(
        f"{_SHARES}_*[zfs*",
        "the contract of every source once more, through what a real ZFS shares",
        but=(f"{_SHARES}_what_was_exported_comes_back[zfs-*", f"{_SHARES}_what_is_in_the_way_*[zfs]*", f"{_SHARES}_a_drill_*[zfs]*"),
        shown=(f"{_SHARES}_*[directories*",),
    ),
    # deaths
    LeftOut("tests/contracts/test_files_killed.py::TestKilledTwiceInFiles::*", _TWICE, shown=(_MEMORY,)),
    LeftOut("tests/contracts/test_stream_killed.py::TestKilledTwiceInStream::*", _TWICE, shown=(_MEMORY,)),
    LeftOut(
        "tests/faults/test_sigkill.py::test_killed_anywhere[*",
        "real deaths between two calls; those in the middle of restic stay",
        shown=(f"{_RESTIC_CALLS}[*", _MEMORY, _KILLED),
    ),
    LeftOut(
        f"{_RESTIC_CALLS}[*",
        "real deaths in the middle of the restic calls of every verb",
        but=(f"{_RESTIC_CALLS}[run]", f"{_RESTIC_CALLS}[prune]", f"{_RESTIC_CALLS}[restore]"),
        shown=(_MEMORY, _KILLED),
    ),
    LeftOut(
        "tests/faults/test_sigkill_carry.py::*",
        "the same deaths by the whole program, after which everything is typed that somebody may type",
        shown=(f"{_CARRY}_killed_anywhere_nothing_is_lost_and_it_finishes_forward[*", f"{_CARRY}_taking_back_killed_anywhere_is_finished"),
    ),
    LeftOut(
        f"{_NESTED}*",
        "to and fro and once more, of one set and of two",
        but=(f"{_NESTED}_an_exchange_of_members_in_one_another_is_killed[one set]",),
    ),
    LeftOut(
        "tests/truenas/test_exact_chain.py::*",
        "runs of the whole program on real ZFS, some seconds each, for every doubt about a chain and every death in one",
        but=(
            "tests/truenas/test_exact_chain.py::test_a_chain_comes_back_when_every_point_it_grew_from_is_forgotten*",
            "tests/truenas/test_exact_chain.py::test_a_chain_that_lost_a_link_is_never_gone_on_with*",
            "tests/truenas/test_exact_chain.py::test_what_stays_for_a_person_stays_when_it_is_no_base_any_more*",
        ),
        shown=(
            "tests/truenas/test_chain_base.py::*",
            "tests/integration/test_listed_again.py::*",
        ),
    ),
    LeftOut(
        f"{_RELEASES}[*",
        "every release of a NAS, dying before each call as well as after it",
        but=(f"{_RELEASES}[26-*-after]", f"{_RELEASES}[25.04-drill-after]"),
    ),
    LeftOut(
        "tests/truenas/test_killed.py::test_killed_anywhere[*",
        "the whole program's deaths between two calls of a NAS",
        but=("tests/truenas/test_killed.py::test_killed_anywhere[restore]",),
        shown=(f"{_RELEASES}[26-*-after]",),
    ),
    LeftOut(
        f"{_WORKS_ON}[*",
        "every call that a NAS may end after our death",
        but=(f"{_WORKS_ON}[run-pool.snapshot.clone]", f"{_WORKS_ON}[restore-pool.dataset.rename]", f"{_WORKS_ON}[drill-*"),
    ),
    LeftOut(f"{_OWED}[*", "every moment between stopping and starting", but=(f"{_OWED}[1-*",)),
    # a NAS that fails
    LeftOut(
        f"{_NAS_FAULT}[*reboot*",
        "a restart of the NAS at each moment",
        but=(f"{_NAS_FAULT}[run-reboot-after-the-clone]", f"{_NAS_FAULT}[restore-reboot-between-the-renames]"),
    ),
    LeftOut(
        f"{_NAS_FAULT}[drill-*",
        "faults of a drill that a restore meets in the same calls",
        but=(f"{_NAS_FAULT}[drill-sandbox-*", f"{_NAS_FAULT}[drill-somebody's-task-takes-the-sandbox]"),
        shown=(f"{_NAS_FAULT}[restore-pool-full-*", f"{_NAS_FAULT}[restore-restic-dies]", f"{_NAS_FAULT}[run-key-revoked]"),
    ),
    LeftOut(
        f"{_NAS_FAULT}[*-fails-after-the-work]",
        "each call whose answer is a failure although its work was done",
        but=(f"{_NAS_FAULT}[run-clone-fails-after-the-work]", f"{_NAS_FAULT}[restore-rename-fails-after-the-work]"),
    ),
    LeftOut(
        f"{_CUT_FOR_GOOD}[*",
        "the connection lost for good in each changing call",
        but=(
            f"{_CUT_FOR_GOOD}[run-pool.snapshot.clone]",
            f"{_CUT_FOR_GOOD}[restore-pool.dataset.rename]",
            f"{_CUT_FOR_GOOD}[drill-*delete]",
        ),
    ),
    LeftOut(
        f"{_CUT}[*-cut_before]",
        "the connection cut before the work of each call, which is harmless sooner than after it",
        but=(f"{_CUT}[pool.dataset.rename-cut_before]", f"{_CUT}[pool.snapshot.create-cut_before]"),
        shown=(f"{_CUT}[*-cut_after]",),
    ),
    # restic's releases and backends
    LeftOut(
        f"{_RESTIC}::TestRememberedRestic::*",
        "the contract of restic once more, through what a machine remembers of it",
        but=(f"{_RESTIC}::TestRememberedRestic::test_only_what_is_ours*", f"{_RESTIC}::TestRememberedRestic::test_a_copy*"),
        shown=(f"{_RESTIC}::TestNewestResticOnPaths::*",),
    ),
    LeftOut(
        f"{_RESTIC}::TestResticThroughRclone::test_where_nothing_is_any_more_is_told_and_the_rest_searched",
        "a backend by which restic tries for half a minute to read what is not there",
        shown=(f"{_RESTIC}::TestNewestResticOnPaths::test_where_nothing_is_any_more_is_told_and_the_rest_searched",),
    ),
    LeftOut(
        "tests/integration/test_find.py::test_every_version_is_told_and_comes_back_as_it_is_told[restic_oldest]",
        "the whole way once more, by a restic whose finds the contract of repositories shows",
        shown=(
            "tests/integration/test_find.py::test_every_version_is_told_and_comes_back_as_it_is_told[restic_newest]",
            f"{_RESTIC}::TestOldestResticOnPaths::test_it_finds_names_in_many_points_at_once",
        ),
    ),
    LeftOut(
        f"{_STORE_WORDS}_oldest_restic_keeps_its_meaning[*",
        "each word of a store, asked by a restic that repeats it otherwise",
        but=(f"{_STORE_WORDS}_oldest_restic_keeps_its_meaning[SlowDown]", f"{_STORE_WORDS}_oldest_restic_keeps_its_meaning[AccessDenied]"),
        shown=(f"{_STORE_WORDS}_newest_restic_keeps_its_meaning[*",),
    ),
    LeftOut(
        f"{_SERVER_DIES}[*",
        "a server that dies in the middle of every verb, each waited for as long as restic tries",
        but=(f"{_SERVER_DIES}[run]",),
        shown=("tests/faults/test_faults.py::test_a_server_that_is_down_is_told_in_seconds",),
    ),
    LeftOut(f"{_NOT_THERE}[*", "each of two repositories", but=(f"{_NOT_THERE}[missing-offsite]", f"{_NOT_THERE}[wrong key-near]")),
    # the same at more moments
    LeftOut(
        "tests/faults/test_faults.py::test_told_to_stop[*",
        "told to stop at more moments of a run",
        but=("tests/faults/test_faults.py::test_told_to_stop[0.3-SIGTERM]", "tests/faults/test_faults.py::test_told_to_stop[0.7-SIGINT]"),
    ),
    LeftOut(
        "tests/faults/test_faults.py::test_a_state_directory_that_fills_up_meanwhile[*",
        "a disk that is full a little sooner or later",
        but=(
            "tests/faults/test_faults.py::test_a_state_directory_that_fills_up_meanwhile[0]",
            "tests/faults/test_faults.py::test_a_state_directory_that_fills_up_meanwhile[8]",
        ),
    ),
    LeftOut(
        "tests/integration/test_key_rotation.py::test_killed_before_each_change[*",
        "a rotation of a key that dies before each of its changes",
        but=(
            "tests/integration/test_key_rotation.py::test_killed_before_each_change[3]",
            "tests/integration/test_key_rotation.py::test_killed_before_each_change[6]",
        ),
        shown=("tests/integration/test_key_rotation.py::test_killed_while_restic_changes_a_key[*",),
    ),
    LeftOut(
        f"{_CARRY}_an_undo_killed_anywhere_finishes_forward[StopsAtCommand]",
        "the same undo, dying between commands instead of renames",
        but=(),
        shown=(f"{_CARRY}_an_undo_killed_anywhere_finishes_forward[StopsAtRename]", f"{_CARRY}_killed_anywhere_nothing_*[StopsAtCommand]"),
    ),
)
