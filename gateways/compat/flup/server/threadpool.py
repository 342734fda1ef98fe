"""``ThreadPool``: jobs in threads, of which some wait for the next."""

from __future__ import annotations

import sys
import threading
from typing import Any


class ThreadPool:
    """Runs jobs, objects with a ``run``, in threads.

    At most ``maxSpare`` threads wait for work, and at most ``maxThreads`` exist; there are none before the first job.
    """

    def __init__(self, minSpare: int = 1, maxSpare: int = 5, maxThreads: int = sys.maxsize) -> None:
        self._minSpare = minSpare
        self._maxSpare = maxSpare
        self._maxThreads = max(minSpare, maxThreads)
        self._lock = threading.Condition()
        self._workQueue: list[Any] = []
        self._idleCount = 0
        self._workerCount = 0
        self._threads: list[threading.Thread] = []
        self._stop = False

    def _start_new_thread(self) -> threading.Thread:
        thread = threading.Thread(target=self._worker, daemon=True)
        self._threads.append(thread)
        self._workerCount += 1
        self._idleCount += 1
        try:
            thread.start()
        except RuntimeError:  # no thread can be had
            self._threads.remove(thread)
            self._workerCount -= 1
            self._idleCount -= 1
            raise
        return thread

    def shutdown(self) -> None:
        """Let the threads end, and wait until they have; what waits in the queue is not done any more."""
        with self._lock:
            self._stop = True
            self._lock.notify_all()
        for thread in self._threads[:]:
            if thread is not threading.current_thread():
                thread.join()

    def addJob(self, job: Any, allowQueuing: bool = True) -> bool:
        """Have a job done, and say whether it will be.

        Where all threads are busy and there can be no more, it waits in a queue, or is refused without
        ``allowQueuing``.
        """
        with self._lock:
            if self._stop:
                return False
            if self._idleCount <= len(self._workQueue) and self._workerCount < self._maxThreads:
                try:
                    self._start_new_thread()
                except RuntimeError:
                    if not self._workerCount:
                        return False
            if self._idleCount <= len(self._workQueue) and not allowQueuing:
                return False
            self._workQueue.append(job)
            self._lock.notify()
            return True

    def _worker(self) -> None:
        """Do one job after another."""
        while True:
            with self._lock:
                while not (self._workQueue or self._stop):
                    self._lock.wait()
                if self._stop:
                    break
                job = self._workQueue.pop(0)
                self._idleCount -= 1
            try:
                job.run()
            except BaseException:  # SystemExit too, which would end the thread in silence
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))
            with self._lock:
                if self._idleCount >= self._maxSpare and not self._workQueue:
                    self._threads.remove(threading.current_thread())
                    self._workerCount -= 1
                    return
                self._idleCount += 1
