# SPDX-License-Identifier: GPL-2.0-or-later
#
# The same packets to vitrine's stub and to QEMU's, with the same guest under
# both, run inside gdb by diff.sh. Replies must agree, errors as errors, but for
# the differences that are explained here. A result line (see lib.sh) for each group.
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import peer  # noqa: E402

# Packets that are answered differently on purpose, and why.
EXPLAINED = {
    "qSupported": "each names what it can do",
    "QStartNoAckMode": "QEMU wants every packet acknowledged",
    "!": "QEMU knows extended mode only where it can attach to several machines",
    "qAttached": "the same, with and without a process id",
    "QPassSignals:e": "accepted here, unknown to QEMU",
    "vCont?": "r and t are more than QEMU offers",
    "qSymbol::": "accepted here, unknown to QEMU",
    "qHostInfo": "LLDB's, unknown to QEMU",
    "qProcessInfo": "LLDB's, unknown to QEMU",
    "qRegisterInfo0": "LLDB's, unknown to QEMU",
    "qCRC:200000,10": "unknown to QEMU",
    "qSearch:memory:200000;100;40": "unknown to QEMU",
    "X200100,0:": "unknown to QEMU before 10.1",
    "x200000,10": "unknown to QEMU before 10.1",
    "qXfer:threads:read::0,1000": "not in QEMU",
    "qXfer:memory-map:read::0,1000": "not in QEMU",
    "qThreadExtraInfo,1": "each in its own words",
    "qThreadExtraInfo,p1.1": "each in its own words",
    "H": "an unknown kind of H is unknown here, an error in QEMU",
    "the fifth": "the processor has four, which an emulated one need not mind",
    "qqemu.sstepbits": "KVM cannot hold the guest's timers",
    "qqemu.sstep": "KVM cannot hold the guest's timers",
    "Z1 twice": "setting what is set is no error here, as the protocol wants it",
    "z0 never set": "removing what is not there is no error here, as the protocol wants it",
    "z1 never set": "the same",
    "z2 never set": "the same",
    "Z3,201000,4": "x86 has no watchpoint for reads: unknown here, so that gdb falls back",
    "z3,201000,4": "the same",
    "Z5,200000,1": "a type that does not exist is unknown here, an error in QEMU",
    "z5,200000,1": "the same",
    "Z2 of 3 bytes": "an error, where QEMU watches another length",
    "Pffff=00": "an error here; QEMU says OK and writes nothing",
    "M201000,0:": "writing nothing is no error",
    "M201000,4:zzzzzzzz": "an error here; QEMU writes what it takes for digits",
    "g, G, g of QEMU": "QEMU's G does not read the widths that its g writes outside 64-bit mode",
    "m of no RAM": "QEMU reads where nothing is",
    "ftag": "QEMU calls empty registers valid",
    "fop": "QEMU keeps no FPU pointers for its debugger",
    "fiseg": "QEMU keeps no FPU pointers for its debugger",
    "fioff": "QEMU keeps no FPU pointers for its debugger",
    "foseg": "QEMU keeps no FPU pointers for its debugger",
    "fooff": "QEMU keeps no FPU pointers for its debugger",
}

for number in range(8, 16):
    EXPLAINED["p%x" % number] = "r8 to r15 can be set here in every mode, in QEMU in 64-bit mode only"
for segment in ("cs", "ss", "ds", "es", "fs", "gs"):
    EXPLAINED[segment] = "PVH leaves the selectors to the loader"
for malformed in ("p", "P", "m", "M", "Z", "m,4", "mzz,4", "m200000,zz", "m200000", "M201000",
                  "M201000,4", "Z1", "Zx,200000,1", "z1", "vCont", "vCont;", "vCont;x",
                  "vCont;s:9", "vCont;s:p2.1", "P0", "qXfer:features:read:nothing.xml:0,100"):
    EXPLAINED[malformed] = "malformed: an error here, unknown or taken in QEMU"

counts = {"same": 0, "explained": 0, "different": 0}
differences = []


def plain(reply):
    """What does not matter: the words of errors, zeros before thread ids."""
    if re.match(r"E([0-9a-fA-F]{2}$|\.)", reply):
        return "error"
    return re.sub(r"p0*1\.0*(\d)", r"p1.\1", reply)


def stop_of(stub, reply):
    """A stop as its signal and why, and where: clients get more from us, and sooner."""
    if reply[:1] != "T":
        return reply
    why = re.search(r"(watch|rwatch|awatch):([0-9a-f]+)", reply)
    where = stub.ask("p%x" % peer.RIP)[:8]
    return reply[:3] + (" %s %x" % (why.group(1), int(why.group(2), 16)) if why else "") + where


def check(name, mine, theirs):
    if mine == theirs:
        counts["same"] += 1
    elif name in EXPLAINED:
        counts["explained"] += 1
        differences.append("%s: %s | %s (%s)" % (name, mine[:40], theirs[:40], EXPLAINED[name]))
    else:
        counts["different"] += 1
        differences.append("%s: %s | %s" % (name, mine[:80], theirs[:80]))


def both(packet, name=None):
    check(name or packet, plain(vitrine.ask(packet)), plain(qemu.ask(packet)))


def both_stop(packet, name=None):
    check(name or packet, stop_of(vitrine, vitrine.ask(packet)), stop_of(qemu, qemu.ask(packet)))


def quiet(packet):
    vitrine.ask(packet)
    qemu.ask(packet)


def group_questions():
    for packet in ("qSupported", "qC", "qAttached", "qfThreadInfo", "qsThreadInfo", "qOffsets",
                   "Hg0", "Hg1", "Hgp1.1", "Hg-1", "Hc0", "Hc-1", "Hcp1.1", "Hg5", "Hgp2.1", "T1",
                   "Tp1.1", "T2", "T77", "Hg0", "Hc-1", "vMustReplyEmpty", "vUnknown", "qUnknown",
                   "QUnknown", "qTStatus", "qTfV", "qTsP", "qL1160000000000000000", "qSymbol::",
                   "QPassSignals:e", "vFile:open:2f", "qXfer:auxv:read::0,1000",
                   "qXfer:siginfo:read::0,1000", "qXfer:libraries:read::0,1000",
                   "qXfer:threads:read::0,1000", "qXfer:memory-map:read::0,1000",
                   "qXfer:features:read:nothing.xml:0,100", "vCont?", "!", "qqemu.sstepbits",
                   "qqemu.sstep", "Qqemu.sstep=1", "Qqemu.sstep=3", "qqemu.PhyMemMode",
                   "Qqemu.PhyMemMode:1", "qqemu.PhyMemMode", "Qqemu.PhyMemMode:0",
                   "qqemu.PhyMemMode", "qqemu.Supported", "qHostInfo", "qProcessInfo",
                   "qRegisterInfo0", "qThreadExtraInfo,1", "qThreadExtraInfo,p1.1",
                   "A", "B", "E", "j", "J", "l", "o", "u", "w", "y", "~", "",
                   "T", "H"):
        both(packet)


def registers_of(stub):
    """Name to number, from the description and what it includes."""
    text = stub.document("target.xml")
    for name in re.findall(r'<xi:include href="([^"]+)"', text):
        text += stub.document(name)
    text = re.sub("<!--.*?-->", "", text, flags=re.S)
    numbers, number = {}, -1
    for reg in re.findall(r"<reg ([^>]*)/?>", text):
        name = re.search(r'name="([^"]+)"', reg).group(1)
        given = re.search(r'regnum="(\d+)"', reg)
        number = int(given.group(1)) if given else number + 1
        numbers[name] = number
    return numbers


def group_registers():
    ours, theirs = registers_of(vitrine), registers_of(qemu)
    missing = [name for name in theirs if name not in ours]
    check("all of QEMU's registers", " ".join(missing), "")
    for name, number in theirs.items():
        if name in ours and not name.startswith(("k_gs", "fs_base", "gs_base")):
            mine = vitrine.ask("p%x" % ours[name])
            check(name, mine, qemu.ask("p%x" % number))
    for number in list(range(16)) + [peer.RIP]:
        value = peer.le(0x200100 + number, 8)
        both("P%x=%s" % (number, value))
        both("p%x" % number)
    quiet("P%x=%s" % (peer.RIP, peer.le(peer.CODE_AT, 8)))
    for name in ("xmm0", "xmm7", "mxcsr", "fctrl", "cr2"):
        size = {"xmm0": 16, "xmm7": 16, "cr2": 8}.get(name, 4)
        value = {"mxcsr": "801f0000", "fctrl": "7f030000"}.get(name, "5a" * (size // 2) + "00" *
                                                               (size - size // 2))
        check("P " + name, plain(vitrine.ask("P%x=%s" % (ours[name], value))),
              plain(qemu.ask("P%x=%s" % (theirs[name], value))))
        check("p " + name, vitrine.ask("p%x" % ours[name]), qemu.ask("p%x" % theirs[name]))
    for packet in ("p", "pffff", "P", "P0", "Pffff=00"):
        both(packet)
    # The general registers and rip: what both have at the same place.
    check("the core of g", vitrine.ask("g")[:2 * 8 * 8], qemu.ask("g")[:2 * 8 * 8])
    check("rip in g", vitrine.ask("g")[2 * 16 * 8:2 * 17 * 8], qemu.ask("g")[2 * 16 * 8:2 * 17 * 8])


def group_memory():
    for packet in ("m200000,1", "m200000,4", "m200000,26", "m200001,7", "m201000,40", "m200ffe,8",
                   "m1ffffe,4", "m200000,400", "m200010,10", "m200000,0", "m", "m200000", "m,4", "mzz,4",
                   "m200000,zz", "M201000,4:deadbeef", "m201000,8", "M201003,1:55", "m201000,8",
                   "M200ffe,4:11223344", "m200ffe,4", "M201000,0:", "M", "M201000", "M201000,4",
                   "M201000,4:", "M201000,4:zzzzzzzz", "X200100,0:", "x200000,10",
                   "qCRC:200000,10"):
        both(packet)
    both("m3f000000,4", "m of no RAM")
    quiet("M201000,40:" + bytes(range(64)).hex())
    both("qSearch:memory:200000;100;40")


def back_to_start():
    for number in range(16):
        quiet("P%x=%s" % (number, peer.le(0, 8)))
    quiet("P%x=%s" % (peer.RSP, peer.le(peer.STACK_AT, 8)))
    quiet("P%x=%s" % (peer.EFLAGS, peer.le(2, 4)))
    quiet("P%x=%s" % (peer.RIP, peer.le(peer.CODE_AT, 8)))


def group_breakpoints():
    for packet in ("Z0,200011,1", "z0,200011,1", "Z1,200011,1", "z1,200011,1", "Z2,201000,4",
                   "z2,201000,4", "Z4,201000,4", "z4,201000,4", "Z2,201000,1", "z2,201000,1",
                   "Z2,201000,8", "z2,201000,8", "Z3,201000,4", "z3,201000,4", "Z5,200000,1",
                   "z5,200000,1", "Z", "Z1", "Z1,200000", "Zx,200000,1", "z1"):
        both(packet)
    both("Z1,200011,1")
    both("Z1,200011,1", "Z1 twice")
    both("z1,200011,1")
    qemu.ask("z1,200011,1")  # it counted
    for kind in "012":
        both("z%s,203000,1" % kind, "z%s never set" % kind)
    both("Z2,201001,3", "Z2 of 3 bytes")
    quiet("z2,201001,3")
    # Four are what the processor has.
    for at in range(5):
        both("Z1,%x,1" % (0x203000 + at), "the fifth" if at == 4 else None)
    for at in range(4):
        both("z1,%x,1" % (0x203000 + at))
    quiet("z1,203004,1")


def group_running():
    back_to_start()
    for step in range(14):
        both_stop("s" if step % 2 else "vCont;s", "step %d" % step)
        both("p%x" % peer.EFLAGS, "flags after step %d" % step)
    for number in (0, 1, 2, 3, 4, peer.RSP):
        both("p%x" % number)
    both("m20fff0,10")
    back_to_start()
    for packet in ("Z1,200020,1", "vCont;c", "z1,200020,1", "Z1,200016,1", "vCont;c:1",
                   "z1,200016,1", "Z1,20000a,1", "vCont;c:p1.1", "z1,20000a,1", "Z1,200008,1", "c",
                   "z1,200008,1", "vCont;s:1", "vCont;s:p1.1", "vCont;s:p1.-1", "vCont;S05",
                   "vCont;s:1;c", "vCont;s:1;c:1", "Z2,201000,4", "vCont;c", "z2,201000,4",
                   "Z4,201000,4", "vCont;c", "vCont;c", "z4,201000,4", "s200020", "s", "?"):
        if packet[0] in "vcs?":
            both_stop(packet)
        else:
            both(packet)
    for packet in ("vCont;", "vCont;x", "vCont;s:9", "vCont;s:p2.1"):
        both(packet)


def group_all_registers():
    # The last one: it upsets QEMU's machine.
    for stub in (vitrine, qemu):
        before = stub.ask("g")
        stub.ask("G" + before)
        check("g, G, g of " + stub.name, stub.ask("g"), before)


def main():
    global vitrine, qemu
    tmp = tempfile.mkdtemp()
    path, process = peer.start_qemu(tmp)
    try:
        vitrine = peer.Stub("vitrine", peer.start_vitrine(tmp))
        qemu = peer.Stub("QEMU", path)
        peer.prepare(vitrine)
        peer.prepare(qemu)
        for run in (group_questions, group_registers, group_memory, group_breakpoints,
                    group_running, group_all_registers):
            before, first = dict(counts), len(differences)
            run()
            name = run.__name__.replace("group_", "")
            asked = sum(counts.values()) - sum(before.values())
            bad = counts["different"] - before["different"]
            if bad:
                print("not ok diff: %s - %d of %d differ" % (name, bad, asked), flush=True)
            else:
                print("ok diff: %s: %d packets" % (name, asked), flush=True)
            for line in differences[first:]:
                print("# " + line.encode("ascii", "replace").decode().replace("\0", "?"), flush=True)
        print("# %(same)d the same, %(explained)d explained, %(different)d not" % counts)
    finally:
        process.kill()
        process.wait()


main()
