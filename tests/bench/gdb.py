# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a debugger's user waits for, measured by gdb itself: run inside gdb by
# gdb.sh, connected to a machine with guests/rounds. Prints "name seconds" for
# each, the time of one operation; the machine stands in rounds_play.
import gdb
import os
import time


def ex(command):
    return gdb.execute(command, to_string=True)


def timed(name, count, run):
    start = time.monotonic()
    run()
    print("%s %.9f" % (name, (time.monotonic() - start) / count), flush=True)


def line_of(text):
    """The number of the source line that holds the text."""
    with open(os.environ["BENCH_SOURCE"]) as source:
        for number, line in enumerate(source, 1):
            if text in line:
                return number
    raise gdb.error("no line with " + text)


def reach(text):
    ex("thbreak rounds.c:%d" % line_of(text))
    ex("continue")


def main():
    for command in ("pagination off", "confirm off", "remotetimeout 300", "width 0",
                    "breakpoint condition-evaluation auto", "step-mode off"):
        gdb.execute("set " + command)
    # Code in ROM, so that gdb's own breakpoints are hardware ones: not every KVM gives int3 up.
    ex("set mem inaccessible-by-default off")
    ex("mem 0x100000 0x110000 ro")
    ex("thbreak rounds_play")
    ex("continue")
    guest = gdb.selected_inferior()

    size = 1 << 20
    timed("memory", size >> 20, lambda: guest.read_memory(0x200000, size))
    ex("maintenance flush register-cache")
    timed("g", 30, lambda: [ex("maintenance packet g") for _ in range(30)])
    timed("stepi", 20, lambda: ex("stepi 20"))
    reach("i < 40;")
    timed("range-step", 1, lambda: ex("next"))
    reach("i < 10;")
    timed("step-over", 1, lambda: ex("next"))
    reach("i < 50;")
    ex("hbreak rounds_inner if n == 123456")
    ex("thbreak rounds_done")
    timed("false-condition", 50, lambda: ex("continue"))
    ex("delete")


main()
