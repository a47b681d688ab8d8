"""`WorkerPool`: forked worker processes, which share the files that the parent has read.

Each worker processes its tasks in order. If one dies, its task returns `WorkerDied`, and a new worker takes its place.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO, NamedTuple, NoReturn

Task = tuple[Any, ...]  # a method's name, and its arguments: plain data


class WorkerDied(NamedTuple):
    """The result of a task whose worker died."""

    reason: str


class _Worker(NamedTuple):
    pid: int
    questions: BinaryIO
    answers: BinaryIO


class WorkerPool:
    """A pool of forked workers. Each runs its tasks in order; the task of a worker that dies returns `WorkerDied`."""

    def __init__(self, count: int, answer: Callable[[Task], Any]) -> None:
        self._answer = answer
        self._broadcast_tasks: list[Task] = []  # tasks for every worker, also for one that replaces a dead one
        self._workers = [self._fork() for _ in range(count)]

    def broadcast(self, question: Task) -> list[Any]:
        """Run a task in each worker."""
        self._broadcast_tasks.append(question)
        return [answer for _, answer in self.map((number, number, question) for number in range(len(self._workers)))]

    def map(self, questions: Iterable[tuple[Any, int, Task]]) -> Iterator[tuple[Any, Any]]:
        """Run these tasks; yield the results as they arrive, each with its key."""
        waiting: list[deque[tuple[Any, Task]]] = [deque() for _ in self._workers]
        for key, number, question in questions:
            waiting[number % len(waiting)].append((key, question))
        busy = {number: self._send(number, queue) for number, queue in enumerate(waiting) if queue}
        while busy:
            numbers = {self._workers[number].answers.fileno(): number for number in busy}
            ready, _, _ = select.select(list(numbers), [], [])
            for number in map(numbers.__getitem__, ready):
                key, answer = busy.pop(number), self._receive(number)
                if waiting[number]:
                    busy[number] = self._send(number, waiting[number])
                yield key, answer

    def _send(self, number: int, queue: deque[tuple[Any, Task]]) -> Any:
        key, question = queue.popleft()
        with suppress(BrokenPipeError):  # `_receive` will see that it is gone
            pickle.dump(question, self._workers[number].questions)
            self._workers[number].questions.flush()
        return key

    def _receive(self, number: int) -> Any:
        try:
            return pickle.load(self._workers[number].answers)
        except (EOFError, pickle.UnpicklingError):
            reason = self._end(self._workers[number])
            self._workers[number] = self._fork()
            for question in self._broadcast_tasks:
                self._send(number, deque([(None, question)]))
                pickle.load(self._workers[number].answers)
            return WorkerDied(reason)

    def _fork(self) -> _Worker:
        sys.stdout.flush()
        sys.stderr.flush()
        ask_from, ask_to = os.pipe()
        tell_from, tell_to = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(ask_to)
            os.close(tell_from)
            self._work(os.fdopen(ask_from, "rb"), os.fdopen(tell_to, "wb"))
        os.close(ask_from)
        os.close(tell_to)
        return _Worker(pid, os.fdopen(ask_to, "wb"), os.fdopen(tell_from, "rb"))

    def _work(self, questions: BinaryIO, answers: BinaryIO) -> NoReturn:
        """Run tasks until the parent closes the pipe. Only the parent handles an interrupt, and ends the workers."""
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            while True:
                answer = self._answer(pickle.load(questions))
                pickle.dump(answer, answers)
                answers.flush()
        finally:
            os._exit(0)  # do not run the parent's clean-up here, and do not write its buffers twice

    def _end(self, worker: _Worker) -> str:
        """Wait for a process; return how it ended."""
        with suppress(OSError):
            worker.questions.close()
        worker.answers.close()
        _, status = os.waitpid(worker.pid, 0)
        if os.WIFSIGNALED(status):
            return f"was killed by signal {os.WTERMSIG(status)}"
        return f"exited with status {os.WEXITSTATUS(status)}"

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            os.kill(worker.pid, signal.SIGKILL)
        for worker in self._workers:
            self._end(worker)
