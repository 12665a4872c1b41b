# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian's kernel from its first instruction, run inside gdb by linux.sh: the
# guest has been up once, LINUX_SYMS holds lines of its /proc/kallsyms, and gdb
# is connected to it, with no program. A result line (see lib.sh) for each case.
import os
import re
import struct
import sys

import gdb

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from harness import case, ex, prepare, run_cases, thread, value, want  # noqa: E402


def kallsyms():
    symbols = {}
    with open(os.environ["LINUX_SYMS"]) as lines:
        for line in lines:
            found = re.match(r"([0-9a-f]{16}) (\w) (\w+)", line)
            if found:
                symbols[found.group(3)] = int(found.group(1), 16)
    return symbols


def write_elf(path, symbols):
    """An ELF file of symbols alone, in one section that covers them all."""
    strings, table = b"\0", bytes(24)
    code = [a for a in symbols.values() if a >> 40]
    base, end = min(code) & ~0xfff, max(code) + 0x1000
    for name, at in symbols.items():
        if at >> 40:
            table += struct.pack("<IBBHQQ", len(strings), 0x12, 0, 1, at, 0x400)
            strings += name.encode() + b"\0"
    names = b"\0.text\0.symtab\0.strtab\0.shstrtab\0"
    blobs = [table, strings, names]
    offset, at = [], 64
    for blob in blobs:
        offset.append(at)
        at += len(blob) + -len(blob) % 8
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, 0, 0, at, 0, 64, 0, 0,
                       64, 5, 4)
    section = struct.Struct("<IIQQQQIIQQ")
    heads = [bytes(64), section.pack(1, 8, 6, base, 0, end - base, 0, 0, 16, 0),
             section.pack(7, 2, 0, 0, offset[0], len(table), 3, 1, 8, 24),
             section.pack(15, 3, 0, 0, offset[1], len(strings), 0, 0, 1, 0),
             section.pack(23, 3, 0, 0, offset[2], len(names), 0, 0, 1, 0)]
    with open(path, "wb") as out:
        out.write(head)
        for blob in blobs:
            out.write(blob + bytes(-len(blob) % 8))
        out.write(b"".join(heads))


def run_to(command):
    ex(command)
    ex("continue")
    ex("delete")


def here():
    return ex("info symbol $pc").split()[0]


@case("the machine starts again under the debugger")
def _():
    ex("maintenance packet vRun;")
    ex("maintenance flush register-cache")
    want(value("$pc") < 1 << 40, "pc is %x" % value("$pc"))
    want("waits for SIPI" in ex("info threads"), ex("info threads"))


@case("break in start_kernel, set before the kernel is in its place")
def _():
    run_to("break start_kernel")
    want(here() == "start_kernel", here())
    want(value("$cr0") >> 31 == 1 and value("$efer") >> 10 & 1, "not in 64-bit mode")
    want(value("$gdtr_base") >> 40 and value("$cr3") & ~0xfff, "system registers are empty")


@case("break in an interrupt handler")
def _():
    run_to("break sysvec_apic_timer_interrupt")
    want(here() == "sysvec_apic_timer_interrupt", here())
    want(not value("$eflags") >> 9 & 1, "interrupts are on in it")


@case("watch a per-CPU variable")
def _():
    at = value("$gs_base") + symbols["current_task"]
    was = value("*(long *)0x%x" % at)
    run_to("watch *(long *)0x%x" % at)
    want(value("*(long *)0x%x" % at) != was, "it did not change")
    want(was >> 40 and value("*(long *)0x%x" % at) >> 40, "that is no task")
    want("__switch_to" in here(), here())


# In the first module that is loaded, by the second one: where later ones go depends on whether
# the kernel has given the first one's initial part back by then, and so differs from run to run.
@case("break in a module, set before it is loaded")
def _():
    at = symbols["llc_sap_open"]
    want(at >> 24 >= 0xffffffffc0, "%x is not a module's address" % at)
    run_to("break llc_sap_open")
    want(value("$pc") == at, "pc is %x" % value("$pc"))
    want(value("$rdi") & 0xff == 0xaa, "opens %x, not SNAP" % value("$rdi"))


@case("scheduler-locking: one processor steps, the others stand")
def _():
    threads = len(gdb.selected_inferior().threads())
    want(threads == 2, "%d threads" % threads)
    me = gdb.selected_thread().num
    ex("set scheduler-locking on")
    thread(3 - me)
    other, start = value("$pc"), value("$rsp")
    thread(me)
    old = value("$pc")
    ex("stepi 20")
    want(value("$pc") != old, "it did not step")
    thread(3 - me)
    want(value("$pc") == other and value("$rsp") == start, "the other one went on")
    thread(me)
    ex("set scheduler-locking replay")


@case("the kernel comes up once it is let go")
def _():
    ex("delete")
    threads = ex("info threads")
    want("CPU 0" in threads and "ring" in threads, threads)


symbols = kallsyms()

prepare()
path = os.environ["LINUX_SYMS"] + ".elf"
write_elf(path, symbols)
ex("symbol-file " + path)
run_cases("linux: ")
ex("detach")
