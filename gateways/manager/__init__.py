"""The process manager: a master that keeps workers, replaces them, and says what they do.

The master imports no application. It forks workers, or has a nursery fork them (``preload``), listens to what they
report on their channels, reads the scoreboard in shared memory, asks the policy of each pool what to do, and does it.

    policy.py      pure: (state, now, events) -> actions; knows no process
    master.py      the loop: signals, channels, timers, control socket
    pool.py        one pool: its listeners, its workers, its policy
    worker.py      what a worker does between fork and exit
    scoreboard.py  what each worker is doing, in shared memory
"""
