"""Runs commands to their end, and streams bytes into and out of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from drtool.model.command import Command, Completed
from drtool.ports import LineListener, Piped
from drtool.process.child import Child
from drtool.process.stillness import TakePulse


def execute(
    command: Command,
    *,
    on_output: LineListener | None = None,
    on_error: LineListener | None = None,
    keep_bytes: int = 64 * 1024 * 1024,
    take_pulse: TakePulse | None = None,
) -> Completed:
    """Run a command to its end; see `drtool.ports.Runner.run`.

    An exception of a listener ends the child and is raised again.
    """
    stdin = command.standard_input
    child = Child(command, on_output=on_output, on_error=on_error, keep_bytes=keep_bytes, stdin=stdin, take_pulse=take_pulse)
    try:
        child.pump(lambda: child.finished)
    except BaseException:
        child.end()
        raise
    finally:
        child.close()
    return child.completed()


def pipe(
    command: Command,
    *,
    producer: Command | None = None,
    consume: Callable[[bytes], None] | None = None,
    on_output: LineListener | None = None,
    on_error: LineListener | None = None,
    interrupt_first: Callable[[], None] | None = None,
    take_pulse: TakePulse | None = None,
) -> Piped:
    """Stream bytes into or out of a command, hashing them; see `drtool.ports.Runner.pipe`.

    `command.standard_input` is sent before the producer's bytes and not hashed. `interrupt_first` stops what the command started
    elsewhere, before its input ends there.
    """
    if producer is None:
        return _drain(command, consume, on_error, take_pulse)
    consumer = Child(command, on_output=on_output, on_error=on_error, stdin=command.standard_input, keep_open=True, take_pulse=take_pulse)
    return _feed(consumer, producer, interrupt_first=interrupt_first)


def _drain(command: Command, consume: Callable[[bytes], None] | None, on_error: LineListener | None, take_pulse: TakePulse | None) -> Piped:
    digest = hashlib.sha256()
    count = 0

    def take(chunk: bytes) -> None:
        nonlocal count
        digest.update(chunk)
        count += len(chunk)
        if consume is not None:
            consume(chunk)

    child = Child(command, on_chunk=take, on_error=on_error, stdin=command.standard_input, take_pulse=take_pulse)
    try:
        child.pump(lambda: child.finished)
    except BaseException:
        child.end()
        raise
    finally:
        child.close()
    return Piped(child.completed(), count, digest.hexdigest())


def _feed(consumer: Child, producer: Command, *, interrupt_first: Callable[[], None] | None) -> Piped:
    digest = hashlib.sha256()
    count = 0
    source: Child | None = None

    def take(chunk: bytes) -> None:
        nonlocal count
        digest.update(chunk)
        count += len(chunk)
        consumer.write(chunk)

    try:
        source = Child(producer, on_chunk=take, stdin=producer.standard_input)
        source.follow(consumer)
        source.pump(lambda: source.finished or consumer.finished)
        if consumer.finished and not source.finished:
            source.end()
        elif source.exit_code != 0 or count == 0:
            if interrupt_first is not None:
                interrupt_first()
            consumer.end()  # interrupted before its input ends: what is half would else be stored as whole
        else:
            consumer.close_input_when_written()
            consumer.pump(lambda: consumer.finished)
    except BaseException:
        if interrupt_first is not None:
            interrupt_first()
        consumer.end()
        if source is not None:
            source.end()
        raise
    finally:
        consumer.close()
        if source is not None:
            source.close()
    return Piped(consumer.completed(), count, digest.hexdigest(), source.completed())
