# SPDX-License-Identifier: GPL-2.0-or-later
#
# Non-stop mode on the demo kernel with two vCPUs, run inside gdb by nonstop.sh:
# one stands and is looked at while the other works. The cases are a thread beside
# gdb's own, which must be free to hear of stops.
import os
import queue
import sys
import threading
import time

import gdb

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import harness  # noqa: E402
from harness import case, prepare, run_cases, want  # noqa: E402

PATIENCE = 60
BOOT, SECOND = 1, 2
COUNTER = "smp_cpus[1].counter"
plain_ex = harness.ex


def in_gdb(function, *args):
    """What FUNCTION returns in gdb's own thread."""
    answer = queue.Queue()

    def run():
        try:
            answer.put((function(*args), None))
        except Exception as error:
            answer.put((None, error))

    gdb.post_event(run)
    result, error = answer.get(timeout=4 * PATIENCE)
    if error:
        raise error
    return result


def ex(command, number=None):
    """A command, of thread NUMBER if one is named."""
    if number:
        in_gdb(harness.thread, number)
    return in_gdb(plain_ex, command)


def value(expression, number=None):
    if number:
        in_gdb(harness.thread, number)
    return in_gdb(harness.value, expression)


def where(number):
    in_gdb(harness.thread, number)
    return in_gdb(lambda: gdb.selected_frame().name())


def runs(number):
    for line in ex("info threads").splitlines():
        if line.lstrip("* ").startswith("%d " % number):
            return "(running)" in line
    raise AssertionError("no thread %d" % number)


def until(true, why):
    end = time.monotonic() + PATIENCE
    while not true():
        want(time.monotonic() < end, why)
        time.sleep(0.01)


def stands(number, function=None):
    until(lambda: not runs(number), "thread %d runs on" % number)
    if function:
        want(where(number) == function, "it stands in %s" % where(number))


def works():
    """The second vCPU does, by the guest's memory, which is read beside the first."""
    before = value(COUNTER, BOOT)
    until(lambda: value(COUNTER) != before, "the second vCPU does not work")


@case("all stand at first")
def _():
    stands(BOOT)
    stands(SECOND)


@case("one goes, the other stands")
def _():
    ex("tbreak kmain")
    ex("continue &", BOOT)
    stands(BOOT, "kmain")
    want(not runs(SECOND), "the second was set going too")


@case("one stops at a breakpoint, the other works on")
def _():
    ex("break demo_work")
    ex("ignore $bpnum 20")
    ex("continue -a &", BOOT)
    stands(BOOT, "demo_work")
    want(runs(SECOND), "the second stands too")
    counter = value("demo_counter", BOOT)
    works()
    want(value("demo_counter", BOOT) == counter, "the first works though it stands")


@case("registers of the one that stands, not of the one that runs")
def _():
    want(value("$rsp", BOOT), "no stack")
    said = ex("maintenance packet Hgp1.2") + ex("maintenance packet p10")
    ex("maintenance packet Hgp1.1")
    want('received: "E' in said, said)


@case("the one that stands is stepped, the other works on")
def _():
    for _ in range(10):
        before = value("$pc", BOOT)
        ex("stepi &")
        until(lambda: not runs(BOOT) and value("$pc", BOOT) != before, "it did not move")
    want(runs(SECOND), "the second stands")
    works()


@case("a breakpoint for the one that works is set meanwhile and hit")
def _():
    ex("break ap_walk_collatz", BOOT)
    stands(SECOND, "ap_walk_collatz")
    ex("continue &", SECOND)
    stands(SECOND, "ap_walk_collatz")
    ex("delete")


@case("a watchpoint of the one, which the other does not feel")
def _():
    ex("watch demo_counter", BOOT)
    ex("continue &", SECOND)
    ex("continue &", BOOT)
    stands(BOOT, "demo_work")
    want(runs(SECOND), "the second stands")
    ex("delete")


@case("the one that works is told to stand")
def _():
    works()
    ex("interrupt", SECOND)
    stands(SECOND)
    counter = value(COUNTER, BOOT)
    time.sleep(0.1)
    want(value(COUNTER) == counter, "it works on")


@case("all are told to stand, and go on")
def _():
    ex("continue -a &", BOOT)
    ex("interrupt -a")
    stands(BOOT)
    stands(SECOND)
    ex("continue -a &", BOOT)
    until(lambda: runs(BOOT) and runs(SECOND), "they do not go on")
    ex("interrupt", BOOT)
    stands(BOOT)


@case("both let go by detaching, one standing and one running")
def _():
    want(runs(SECOND), "the second stands")
    ex("detach")


def run():
    run_cases("non-stop: ")
    gdb.post_event(lambda: gdb.execute("quit"))


prepare()
harness.ex = ex  # run_cases() is beside gdb's thread too
threading.Thread(target=run).start()
