# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the scripts that run inside gdb share: their cases, each of which prints a
# result line (see lib.sh), and short words for gdb.
import re

import gdb

MASK = (1 << 64) - 1
cases = []


def case(name):
    def add(run):
        cases.append((name, run))
        return run
    return add


def want(true, why):
    if not true:
        raise AssertionError(why)


def ex(command):
    return gdb.execute(command, to_string=True)


def value(expression):
    return int(gdb.parse_and_eval(expression)) & MASK


def packet(text):
    return re.search(r'received: "(.*)"', ex("maintenance packet " + text)).group(1)


def thread(number):
    for each in gdb.selected_inferior().threads():
        if each.num == number:
            each.switch()


def prepare():
    for command in ("pagination off", "confirm off", "remotetimeout 60", "width 0"):
        gdb.execute("set " + command)


def run_cases(prefix=""):
    for name, run in cases:
        print("# case " + name, flush=True)
        try:
            ex("delete")
            run()
            print("ok " + prefix + name, flush=True)
        except (AssertionError, gdb.error, gdb.MemoryError, KeyError, OSError) as error:
            why = str(error).strip().splitlines() or ["?"]
            print("not ok %s%s - %s" % (prefix, name, why[0]), flush=True)
            for line in why[1:]:
                print("# " + line)
    print("# all %d cases" % len(cases), flush=True)
