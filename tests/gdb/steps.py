# SPDX-License-Identifier: GPL-2.0-or-later
#
# Instructions that are hard to step over, run inside gdb by steps.sh: guests/steps
# is connected, its timer ticking, and each of its labels is stepped from once. A
# result line (see lib.sh) for each instruction.
import os
import sys

import gdb

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from harness import case, ex, prepare, run_cases, value, want  # noqa: E402

STRAIGHT = ("nop", "out", "in", "mmio_read", "mmio_write", "cpuid", "rdmsr", "cr3", "pushf",
            "pop_flags", "popf", "cli", "sti", "after_sti", "int", "iret", "syscall",
            "sysret", "rep", "hlt", "pause")
LIMIT = 600
arrived = {}  # the address after one step from this one
pushed = []


def address(symbol):
    return value("(long)&" + symbol)


def run_to(symbol):
    ex("tbreak *%d" % address(symbol))
    ex("continue")
    want(value("$pc") == address(symbol), "%s is not reached: %x" % (symbol, value("$pc")))


@case("a whole round, an instruction at a time")
def _():
    run_to("step_nop")
    run_to("step_nop")  # the second round, with the timer ticking
    end, pushf, ticks = address("step_pause_next"), address("step_pushf"), value("pit_count")
    pc = value("$pc")
    for _ in range(LIMIT):
        ex("stepi")
        now = value("$pc")
        arrived[pc] = now
        if pc == pushf:
            pushed.append(value("*(long *)$rsp"))
        if now == end:
            break
        pc = now
    want(pc != end and now == end, "not at its end after %d steps: %x" % (LIMIT, now))
    timer = ex("info symbol steps_timer").split()[0]
    want(address(timer) not in arrived, "the timer's handler was entered")
    want(value("pit_count") == ticks, "ticks were counted")


def add(name):
    @case("one step over " + name)
    def _():
        want(address("step_" + name) in arrived, "was not come to")
        got = arrived[address("step_" + name)]
        want(got == address("step_%s_next" % name), "leads to %x" % got)


for name in STRAIGHT:
    add(name)


# The processor holds the trap over the instruction behind MOV SS (SDM 3A 6.8.3).
@case("one step over mov_ss, or two where the processor takes them as one")
def _():
    got = arrived[address("step_mov_ss")]
    want(got in (address("step_mov_ss_next"), address("step_after_mov_ss_next")),
         "leads to %x" % got)


@case("one step into the handler of the guest's own int3")
def _():
    got = arrived[address("step_int3")]
    want(got == address("isr_breakpoint"), "leads to %x" % got)
    want(address("step_int3_next") in arrived.values(), "does not come back")


@case("no trap flag in what the guest pushes")
def _():
    want(len(pushed) == 1 and not pushed[0] & 0x100, "PUSHF stored %s" % pushed)
    run_to("step_nop")
    want(value("steps_tf_seen") == 0, "seen %d times" % value("steps_tf_seen"))
    want(value("steps_breakpoints") == value("steps_rounds"), "an int3 of the guest's is lost")


@case("monitor catch process: the entry of another address space")
def _():
    root = value("steps_root")
    want("catch " in ex("monitor catch process %#x" % root), "not taken")
    said = ex("continue")
    want("enters the process" in said, said)
    want(value("$cr3") & ~0xfff == root, "cr3 is %x" % value("$cr3"))
    ex("monitor uncatch")
    run_to("step_nop")


def registers():
    ex("maintenance flush register-cache")
    return [value("$" + name) for name in ("pc", "rsp", "rax", "rbx", "rcx", "rdi", "rsi", "eflags")]


@case("monitor catch: an MSR, a device, a port, an exception stop it with a word")
def _():
    run_to("step_nop")
    for catch, says, ahead in (("port 0x80 write", "writes port 0x80", "step_out_next"),
                               ("mmio %#x write" % 0xfed80000, "writes MMIO 0xfed80000",
                                "step_mmio_write_next"),
                               ("msr 0x1b read", "reads MSR 0x1b", "step_rdmsr_next"),
                               ("exception 3", "takes exception 3", None)):
        want("catch " in ex("monitor catch " + catch), catch + " is not taken")
        said = ex("continue")
        want(says in said, "%s: %s" % (catch, said))
        want(not ahead or value("$pc") == address(ahead), "%s: at %x" % (catch, value("$pc")))
        ex("monitor uncatch")


@case("monitor record: reverse-stepi through what was stepped")
def _():
    run_to("step_pushf")
    want("are kept" in ex("monitor record on 1000"), "no record")
    ex("set remote reverse-step-packet on")
    ex("set remote reverse-continue-packet on")
    before = [(registers(), value("*(long *)($rsp - 8)"))]
    for _ in range(10):
        ex("stepi")
        before.append((registers(), value("*(long *)($rsp - 8)")))
    want(before[0] != before[10], "it did not move")
    for n in range(9, -1, -1):
        ex("reverse-stepi")
        now = registers(), value("*(long *)($rsp - 8)")
        want(now == before[n], "step %d: %s, not %s" % (n, now, before[n]))
    ex("reverse-stepi")
    want(registers() == before[0][0], "there was more than was recorded")


@case("reverse-continue to a breakpoint, over REP and back to the begin")
def _():
    run_to("step_after_sti")
    was = registers()
    ex("tbreak *%d" % address("step_rep_next"))
    ex("continue")
    want(value("$rcx") == 0, "rcx is %d" % value("$rcx"))
    ex("reverse-stepi")
    want(value("$pc") == address("step_rep") and value("$rcx") == 64, "REP is not one step back")
    ex("tbreak *%d" % address("step_int_next"))
    ex("reverse-continue")
    want(value("$pc") == address("step_int_next"), "stands at %x" % value("$pc"))
    ex("tbreak *%d" % address("step_after_sti"))
    ex("reverse-continue")
    want(registers() == was, "%s, not %s" % (registers(), was))
    ex("monitor record off")
    want("nothing is recorded" in ex("monitor record"), ex("monitor record"))


@case("reverse-continue to who has written: a watchpoint, an access, a round of REP")
def _():
    run_to("step_pushf")
    ex("set var steps_to[5] = 99")
    ex("monitor record on 1000")
    ex("tbreak *%d" % address("step_rep_next"))
    ex("continue")
    ex("watch steps_to[5]")
    ex("reverse-continue")
    want(value("$pc") == address("step_rep"), "stands at %x" % value("$pc"))
    want(value("steps_to[5]") == 99 and value("$rcx") == 64, "REP is not taken back")
    ex("delete")
    ex("awatch steps_tf_seen")
    ex("reverse-continue")
    want("%x" % address("steps_tf_seen") in ex("x/i $pc"), ex("x/i $pc"))
    ex("delete")
    ex("monitor record off")


prepare()
run_cases()
ex("detach")
