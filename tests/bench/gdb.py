# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a debugger's user waits for, measured by gdb itself: run inside gdb by
# gdb.sh, connected to a machine with guests/rounds. Prints "name seconds" for
# each, the time of one operation; the machine stands in rounds_play.
import gdb
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "gdb"))


def ex(command):
    return gdb.execute(command, to_string=True)


def timed(name, count, run):
    start = time.monotonic()
    run()
    print("%s %.9f" % (name, (time.monotonic() - start) / count), flush=True)


def line_of(text):
    """The number of the source line that holds the text."""
    for line in ex("list rounds_play,+16").splitlines():
        if text in line:
            return int(line.split()[0])
    raise gdb.error("no line with " + text)


def reach(text):
    ex("thbreak rounds.c:%d" % line_of(text))
    ex("continue")


def main():
    for command in ("pagination off", "confirm off", "remotetimeout 300", "width 0",
                    "breakpoint condition-evaluation auto", "step-mode off"):
        gdb.execute("set " + command)
    ex("thbreak rounds_play")
    ex("continue")
    guest = gdb.selected_inferior()
    few = os.environ["BENCH_SIDE"] != "vitrine"

    size = 4 << 20
    timed("memory", size >> 20, lambda: guest.read_memory(0x200000, size))
    ex("maintenance flush register-cache")
    packet = lambda: [ex("maintenance packet g") for _ in range(100)]
    timed("g", 100, packet)
    timed("stepi", 100, lambda: ex("stepi 100"))
    reach("i < 400")
    timed("range-step", 1, lambda: ex("next"))
    reach("i < 100;")
    timed("step-over", 1, lambda: ex("next"))
    reach("i < 2000")
    ex("hbreak rounds_inner if n == 123456")
    ex("thbreak rounds_done")
    timed("false-condition", 2000, lambda: ex("continue"))
    ex("delete")


main()
