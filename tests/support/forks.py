"""Processes for tests to kill, forked from a server that has loaded what they run.

There is one such server in a test run, and the last list of modules that it is given is the one it
loads. So nobody else gives it one: the processes of the others would each load their code anew, for
a second or two.
"""

import multiprocessing

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.support.forked"])
