# SPDX-License-Identifier: GPL-2.0-or-later
#
# A debugger's day with the demo kernel, run inside gdb by session.sh: gdb has
# the symbols and is connected to a guest that waits before its first
# instruction, with two vCPUs. A result line (see lib.sh) for each case.
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import gdb

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from harness import MASK, case, ex, packet, prepare, run_cases, thread, value, want  # noqa: E402

RUN_DIR = os.environ["SESSION_RUN_DIR"]
stops = []
gdb.events.stop.connect(stops.append)


def refused(command):
    try:
        ex(command)
    except gdb.error as error:
        return str(error)
    raise AssertionError(command + " is accepted")


def frames():
    names = []
    frame = gdb.newest_frame()
    while frame:
        names.append(frame.name() or "??")
        frame = frame.older()
    return names


def go(command):
    """Let the guest go; why it stopped: the breakpoint's kind, or the signal."""
    del stops[:]
    ex(command)
    want(stops, "no stop after " + command)
    if isinstance(stops[-1], gdb.BreakpointEvent):
        return stops[-1].breakpoints[0].type
    return getattr(stops[-1], "stop_signal", "step")


def run_to(command):
    """Set a breakpoint, run into it, remove it."""
    ex(command)
    why = go("continue")
    ex("delete")
    return why


@case("connects to a guest before its first instruction")
def _():
    want(frames()[0] == "_start", "stands in " + frames()[0])
    want(value("$cr0") & 1 << 31 == 0, "paging is on")
    want("waits for SIPI" in ex("info threads"), "the second vCPU is not described")


@case("the image in memory is the file's")
def _():
    said = ex("compare-sections")
    want(said.count("matched") > 3 and "MIS" not in said, said)


@case("a breakpoint by symbol, set before there is paging, is hit")
def _():
    want(run_to("break kmain") == gdb.BP_BREAKPOINT, "another stop")
    want(frames()[0] == "kmain", str(frames()))
    want(value("$cr0") >> 31 == 1, "paging is off")


@case("hbreak")
def _():
    want(run_to("hbreak demo_work") == gdb.BP_HARDWARE_BREAKPOINT, "another stop")
    want(frames()[:3] == ["demo_work", "demo_loop", "kmain"], str(frames()))


@case("system registers with their flags")
def _():
    want("LMA" in ex("p $efer") and "NXE" in ex("p $efer"), ex("p $efer"))
    want("PG" in ex("p $cr0") and "PAE" in ex("p $cr4"), ex("p $cr0") + ex("p $cr4"))
    want(value("$cr3") & ~0xfff, "cr3 is empty")
    for name in ("gdtr_base", "idtr_base", "tr_base", "apic_base"):
        want(value("$" + name), name + " is empty")


@case("two vCPUs are two threads with registers of their own")
def _():
    numbers = sorted(thread.num for thread in gdb.selected_inferior().threads())
    want(numbers == [1, 2], str(numbers))
    thread(1)
    mine = value("$r12")
    thread(2)
    theirs = value("$r12")
    want("ap_" in str(frames()) or "ap_" in ex("info symbol $pc"), str(frames()))
    ex("set var $r12 = 0x1122334455667788")
    thread(1)
    ex("maintenance flush register-cache")
    want(value("$r12") == mine, "thread 1 has the register of thread 2")
    thread(2)
    want(value("$r12") == 0x1122334455667788, "the write is lost")
    ex("set var $r12 = %d" % theirs)
    thread(1)


@case("all registers written as they were read stay as they are")
def _():
    before = packet("g")
    want(len(before) > 2 * 16 * 8, "short: " + before)
    want(packet("G" + before) == "OK", "G is refused")
    ex("maintenance flush register-cache")
    want(packet("g") == before, "they changed")


@case("registers of every kind are written")
def _():
    for name, new in (("rax", 0x0123456789abcdef), ("cr2", 0x8000), ("xmm3.v2_int64[1]", 77)):
        old = value("$" + name)
        ex("set var $%s = %d" % (name, new))
        ex("maintenance flush register-cache")
        want(value("$" + name) == new, "$%s is %x" % (name, value("$" + name)))
        ex("set var $%s = %d" % (name, old))


@case("memory is written and read back, across pages and in read-only code")
def _():
    guest = gdb.selected_inferior()
    for start in (value("&demo_counter") & ~0xfff, value("(long)demo_work")):
        size = 8192 if start % 4096 == 0 else 16
        old = guest.read_memory(start, size).tobytes()
        new = bytes((i * 7 + 0x7d) & 0xff for i in range(size))
        guest.write_memory(start, new)
        ex("maintenance flush register-cache")
        want(guest.read_memory(start, size).tobytes() == new, "at %x it differs" % start)
        guest.write_memory(start, old)


@case("memory that is not mapped is refused")
def _():
    said = refused("x/gx 0xdead00000000")
    want("Cannot access memory" in said, said)


@case("watch stops at the instruction that wrote")
def _():
    old = value("demo_counter")
    want(run_to("watch demo_counter") == gdb.BP_HARDWARE_WATCHPOINT, "another stop")
    want(value("demo_counter") == old + 1, "it is %d" % value("demo_counter"))
    want(frames()[0] == "demo_work", str(frames()))


@case("rwatch and awatch")
def _():
    want(run_to("rwatch demo_spinning") == gdb.BP_READ_WATCHPOINT, "another stop")
    want("demo_loop" in frames(), str(frames()))
    want(run_to("awatch demo_result") == gdb.BP_ACCESS_WATCHPOINT, "another stop")


@case("a breakpoint's condition is evaluated by the stub")
def _():
    ex("set breakpoint condition-evaluation target")
    ex("break demo_inner if n == 13")
    want(go("continue") == gdb.BP_BREAKPOINT, "another stop")
    want("target evals" in ex("info breakpoints"), ex("info breakpoints"))
    want(value("n") == 13, "n is %d" % value("n"))


@case("finish, with the value that is returned")
def _():
    run_to("break demo_inner")
    n = expected = value("n")
    for i in range(1, n + 1):
        expected = (expected * 31 + i) & MASK
    go("finish")
    got = getattr(stops[-1], "return_value", None)
    got = int(got if got is not None else gdb.parse_and_eval("$")) & MASK
    want(frames()[0] == "demo_work", str(frames()))
    want(got == expected, "%x, not %x" % (got, expected))


@case("next, step, until and advance")
def _():
    run_to("break demo_work")
    go("step")
    want(frames()[0] in ("demo_work", "demo_inner"), "step: " + str(frames()))
    go("advance demo_inner")
    want(frames()[0] == "demo_inner", "advance: " + str(frames()))
    line = gdb.newest_frame().find_sal().line
    go("next")
    want(gdb.newest_frame().find_sal().line != line, "next stays in its line")
    go("until demo_work")
    want(frames()[0] == "demo_work", "until: " + str(frames()))


@case("stepi 1000 times never enters the timer's handler")
def _():
    run_to("break demo_work")
    ex("break demo_timer_irq")
    ticks = value("demo_now")
    want(go("stepi 1000") == "step", "it ends in " + frames()[0])
    want(value("demo_now") == ticks, "the clock went on by %d" % (value("demo_now") - ticks))


@case("the timer's interrupt comes when the guest runs on; backtrace through its frame")
def _():
    run_to("break demo_timer_irq")
    names = frames()
    want(names[:2] == ["demo_timer_irq", "irq_dispatch"], str(names))
    want(any(name.startswith("isr_") or name.startswith("trap_") for name in names), str(names))
    want("kmain" in names, str(names))


@case("one thread steps while the other stands")
def _():
    run_to("break ap_walk_collatz")
    want(gdb.selected_thread().num == 2, "not in thread 2")
    ex("set scheduler-locking on")
    mine = value("$pc")
    thread(1)
    other = value("$pc")
    thread(2)
    ex("stepi")
    want(value("$pc") != mine, "thread 2 did not step")
    thread(1)
    want(value("$pc") == other, "thread 1 went on")
    ex("set scheduler-locking replay")


@case("more than four hardware breakpoints")
def _():
    run_to("break demo_work")
    want(gdb.selected_thread().num == 1, "not in thread 1")
    ex("set breakpoint always-inserted on")
    ex("set scheduler-locking on")
    try:
        for name in ("kmain", "ap_main", "screen_init", "fault_recurse", "irq_dispatch"):
            ex("hbreak " + name)
        want(go("stepi") == "step", "no step with five")
        said = ex("monitor info breakpoints")
        want(said.count("all 4 debug registers are in use") == 1, said)
        want(go("continue") == gdb.BP_HARDWARE_BREAKPOINT, "the fifth is not hit")
        want(frames()[0] == "irq_dispatch", str(frames()))
        want(go("stepi 20") == "step", "no steps from the fifth")
    finally:
        ex("delete")
        ex("set scheduler-locking replay")
        ex("set breakpoint always-inserted off")
    want(go("stepi") == "step", "no step any more")


@case("a device's registers are read and written as memory")
def _():
    place = re.search("([0-9a-f]{8,})-[0-9a-f]+.*pci ecam", ex("monitor info mtree"))
    want(place, ex("monitor info mtree"))
    ecam = int(place.group(1), 16)
    want(packet("Qqemu.PhyMemMode:1") == "OK", "no physical addresses")
    try:
        slots = [n for n in range(32) if packet("m%x,2" % (ecam + (n << 15))) == "f41a"]
        want(slots, "no virtio device")
        line = ecam + (slots[0] << 15) + 0x3c
        want(packet("M%x,1:5a" % line) == "OK", "the register is not written")
        want(packet("m%x,1" % line) == "5a", packet("m%x,1" % line))
        want(packet("m%x,3" % line).startswith("E"), "an access of three bytes is made")
    finally:
        packet("Qqemu.PhyMemMode:0")


@case("monitor catch: an interrupt with a condition, and a port")
def _():
    want("catch " in ex("monitor catch interrupt 32-48 if $rsp != 0"), "no number")
    del stops[:]
    said = ex("continue")
    want("takes interrupt" in said, said)
    names = frames()
    want(any(name.startswith(("isr_", "trap_")) for name in names), str(names))
    ex("monitor uncatch")
    ex("monitor catch port 0x3d4-0x3d5 write count")
    want("KVM answers port" in ex("monitor catch port 0x20"), "port 0x20 is taken")
    want("an MSR is 0 to" in ex("monitor catch msr 0x1c0000080"), "its upper half is dropped")
    run_to("break demo_timer_irq")
    want("port 0x3d4-0x3d5 write count" in ex("monitor catch"), ex("monitor catch"))
    ex("monitor uncatch")
    want("nothing is caught" in ex("monitor catch"), ex("monitor catch"))


def guest_state():
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(RUN_DIR + "/qmp.sock")
        lines = sock.makefile("rw")
        lines.readline()
        for command in ("qmp_capabilities", "query-status"):
            lines.write('{"execute": "%s"}\n' % command)
            lines.flush()
            reply = json.loads(lines.readline())
            while "return" not in reply:
                reply = json.loads(lines.readline())
        return reply["return"]["status"]


def interrupt_when_running():
    deadline = time.monotonic() + 60
    while guest_state() != "running" and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)


@case("Ctrl-C stops a guest that runs")
def _():
    threading.Thread(target=interrupt_when_running).start()
    why = go("continue")
    want(why == "SIGINT", why)
    want(guest_state() == "debug" or guest_state() == "paused", guest_state())


@case("monitor commands")
def _():
    said = ex("monitor info registers")
    want("RIP=" in said and "CR3=" in said, said)


@case("a second debugger is refused with a reason")
def _():
    said = subprocess.run(
        ["gdb", "-nx", "-q", "-batch", "-ex", "target remote " + RUN_DIR + "/gdb.sock"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        universal_newlines=True).stdout
    want("another debugger is connected" in said, said)
    want(value("$pc"), "ours was disturbed")

prepare()
run_cases()
ex("detach")
