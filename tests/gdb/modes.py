# SPDX-License-Identifier: GPL-2.0-or-later
#
# From the first instruction of a boot sector to 64-bit mode, run inside gdb by
# modes.sh: guests/modes waits frozen, gdb has its symbols and is connected.
# A result line (see lib.sh) for each case.
import os
import re
import sys

import gdb

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from harness import case, ex, packet, prepare, run_cases, value, want  # noqa: E402


def address(symbol):
    return value("(long)&" + symbol)


def mode():
    """As the guest's registers have it, whatever gdb believes."""
    attr = value("$cs_attr")
    bits = 64 if attr >> 13 & 1 else 32 if attr >> 14 & 1 else 16
    if not value("$cr0") & 1:
        return "real"
    if value("$efer") >> 10 & 1:
        return "long64" if bits == 64 else "compat%d" % bits
    return "prot%d" % bits


def run_to(symbol):
    ex("tbreak *%d" % address(symbol))
    ex("continue")
    want(value("$pc") == address(symbol), "%s is not reached: %x" % (symbol, value("$pc")))


def round_trip():
    before = packet("g")
    want(packet("G" + before) == "OK", "G is refused")
    ex("maintenance flush register-cache")
    want(packet("g") == before, "the registers changed")


def word():
    return value("*(long *)&modes_word")


@case("the first instruction, in real mode")
def _():
    want(value("$pc") == 0x7c00, "pc is %x" % value("$pc"))
    want(mode() == "real", mode())
    want(value("*(unsigned char *)0x7dfe") == 0x55, "no signature")
    ex("stepi 3")
    want(value("$pc") == address("real_mode"), "pc is %x" % value("$pc"))
    round_trip()


# No watchpoint and no breakpoint in a segment that is not at 0: the emulator under the bed ends.
@case("breakpoints of both kinds in real mode")
def _():
    ex("hbreak *%d" % address("real_call"))
    ex("continue")
    want(value("$pc") == address("real_call"), "pc is %x" % value("$pc"))
    want(word() & 0xffff == 0x1234, "modes_word is %x" % word())
    ex("delete")
    ex("stepi 2")
    want(value("$rbx") & 0xffff == 0x1235, "rbx is %x" % value("$rbx"))


@case("the pc is linear where the code segment does not begin at 0")
def _():
    ex("stepi")
    here = address("real_far")
    want(value("$pc") == here, "pc is %x" % value("$pc"))
    want(value("$cs") == 0x7c0 and value("$cs_base") == 0x7c00, "cs is %x" % value("$cs"))
    want("EIP=%08x" % (here - 0x7c00) in ex("monitor info registers"), "the monitor's is not raw")
    round_trip()
    ex("set var $pc = %d" % (here + 1))
    ex("maintenance flush register-cache")
    want(value("$pc") == here + 1, "pc is %x" % value("$pc"))
    ex("set var $pc = %d" % here)
    ex("stepi 3")
    want(value("$pc") == address("real_done") and value("$cs") == 0, "pc is %x" % value("$pc"))


# A program of 64 bits stands for x86-64 in gdb's eyes whatever is said, so it is put aside.
@case("gdb takes another description over without a new connection")
def _():
    here, program = address("real_done"), gdb.current_progspace().filename
    ex("file")
    for name, code in (("i8086", "%ax"), ("i386", "%eax"), ("x86-64", "%eax"), ("i386", "%eax"),
                       ("i8086", "%ax"), ("x86-64", "%eax")):
        said = ex("monitor gdb arch " + name)
        want("unset tdesc filename" in said, said)
        ex("unset tdesc filename")
        want(name.replace("-", ".") in re.sub("[-_]", ".", ex("show architecture")),
             ex("show architecture"))
        want(value("$pc") == here, "%s: pc is %x" % (name, value("$pc")))
        round_trip()
        want(code in ex("x/i 0x%x" % REAL_MODE), ex("x/i 0x%x" % REAL_MODE))
        if name == "i8086":
            ex("stepi")
            want(value("$eip") == here + 2, "eip is %x" % value("$eip"))
            ex("set var $eip = %d" % here)
    ex("file " + program)
    try:
        said = ex("monitor gdb arch arm")
    except gdb.error as error:
        said = str(error)
    want("arm" in said, said)


@case("breakpoints set in real mode are hit in all the others")
def _():
    symbols = ("prot16_mode", "prot32_mode", "prot32_done", "compat_mode", "long_mode")
    for symbol in symbols:
        ex("break *%d" % address(symbol))
    modes = []
    for symbol in symbols:
        ex("continue")
        want(value("$pc") == address(symbol), "%s: pc is %x" % (symbol, value("$pc")))
        modes.append(mode())
        round_trip()
        if symbol == "prot32_done":
            want(word() & 0xffffffff == 0x11223344, "modes_word is %x" % word())
    ex("delete")
    want(modes == ["prot16", "prot32", "prot32", "compat32", "long64"], str(modes))


@case("a condition and a watchpoint in 64-bit mode")
def _():
    ex("set breakpoint condition-evaluation target")
    ex("break *%d if $rcx == 2" % address("long_loop"))
    ex("continue")
    want(value("$rcx") == 2, "rcx is %d" % value("$rcx"))
    ex("delete")
    was = word()
    ex("watch *(long *)&modes_word")
    ex("continue")
    want(word() == was + 1, "modes_word is %x" % word())
    ex("delete")


@case("vRun starts again from the first instruction, and every instruction can be stepped")
def _():
    gdb.execute("maintenance packet vRun;", to_string=True)
    ex("maintenance flush register-cache")
    want(value("$pc") == 0x7c00 and mode() == "real", "%s at %x" % (mode(), value("$pc")))
    modes = []
    for _ in range(120):
        if not modes or modes[-1] != mode():
            modes.append(mode())
        here = value("$pc")
        if here == address("long_loop"):
            break
        code = gdb.selected_inferior().read_memory(here, 2).tobytes()
        if code == b"\xf3\xab":
            ex("tbreak *%d" % (here + 2))
            ex("continue")
        else:
            ex("stepi")
        want(value("$pc") != here, "it stays at %x" % here)
    want(modes == ["real", "prot16", "prot32", "compat32", "long64"], str(modes))


@case("dprintf prints and the guest goes on")
def _():
    ex("set dprintf-style agent")
    ex('dprintf *%d,"round %%d of %%x\\n", $rcx, $rbx' % address("long_loop"))
    ex("tbreak *%d" % address("long_done"))
    said = ex("continue")
    want(value("$pc") == address("long_done"), "pc is %x" % value("$pc"))
    # It stands on the first round, which is over then.
    want("round 4 of 1235\nround 3 of 1235\nround 2 of 1235\nround 1 of 1235\n" in said, said)


@case("the end of the guest is told")
def _():
    ends = []
    gdb.events.exited.connect(ends.append)
    ex("continue")
    want(ends and ends[0].exit_code == 0x10, "it does not exit with its value")


REAL_MODE = address("real_mode")

prepare()
run_cases("modes: ")
