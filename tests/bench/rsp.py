# SPDX-License-Identifier: GPL-2.0-or-later
#
# The debug stubs of vitrine and QEMU without a debugger in front of them: a client
# that only sends packets, run inside gdb by gdb.sh for its Python. The same guest,
# the same KVM. Prints "name vitrine-seconds QEMU-seconds" for each operation.
import os
import re
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../gdb"))
import peer  # noqa: E402

LOOP_AT = 0x202000
LOOP = bytes.fromhex(
    "b928000000"        # 00 mov $40, %ecx
    "01c8"              # 05 add %ecx, %eax
    "49"                # 07 dec %ecx
    "75fb"              # 08 jne 05
    "90"                # 0a nop
    "ebf3")             # 0b jmp 00
STEPS = 1 + 40 * 3      # until the nop


PATIENCE = 3  # seconds until a stop counts as lost
lost = [0.0, 0]  # how long was waited for such, how many there were


def clock(count, run):
    start, waited = time.monotonic(), lost[0]
    for _ in range(count):
        run()
    return (time.monotonic() - start - lost[0] + waited) / count


def step(stub):
    """
    One instruction. On KVM, QEMU does not tell of every step it has made: it is stopped then,
    and the time until that was noticed does not count.
    """
    start = time.monotonic()
    reply = stub.ask("vCont;s:1")
    if reply != "silence":
        return reply
    stub.sock.sendall(b"\x03")
    stub.reply()
    stub.ask("?")
    lost[0] += time.monotonic() - start
    lost[1] += 1
    return ""


def seek(stub, offset=0):
    stub.ask("P%x=%s" % (peer.RIP, peer.le(LOOP_AT + offset, 8)))


def pc(stub, reply):
    """From the stop reply, where it is there, else asked for as gdb asks."""
    told = re.search(r";?(?:T..)?10:([0-9a-f]+);", reply)
    word = told.group(1) if told else stub.ask("g")[16 * 16:16 * 16 + 8]
    return int.from_bytes(bytes.fromhex(word[:8]), "little")


def memory(stub, features):
    """1 MiB, in packets as large as the stub takes."""
    size = int(re.search("PacketSize=([0-9a-f]+)", features).group(1), 16)
    binary = "binary-upload+" in features
    chunk = min(size - 64 if binary else size // 2 - 32, 0x10000)
    for at in range(0x100000, 0x200000, chunk):
        stub.send("%s%x,%x" % ("x" if binary else "m", at, min(chunk, 0x200000 - at)))
        stub.reply()


def step_known(stub):
    pc(stub, step(stub))


def step_range(stub, own):
    seek(stub)
    if own:
        stub.ask("vCont;r%x,%x:1" % (LOOP_AT, LOOP_AT + 10))
        return
    while pc(stub, step(stub)) != LOOP_AT + 10:
        pass


def false_condition(stub, own):
    """40 times where it is not so: "ecx == 0", asked by the stub or as gdb asks."""
    here = "1,%x,1" % (LOOP_AT + 7)
    regs = "260002" + "2200" + "13" + "27"  # reg 2, const8 0, equal, end
    seek(stub)
    stub.ask("Z%s%s" % (here, ";X%x,%s" % (len(regs) // 2, regs) if own else ""))
    stub.ask("Z1,%x,1" % (LOOP_AT + 10))
    while pc(stub, stub.ask("vCont;c")) != LOOP_AT + 10:
        stub.ask("z" + here)
        step(stub)
        stub.ask("Z" + here)
    stub.ask("z" + here)
    stub.ask("z1,%x,1" % (LOOP_AT + 10))


def run_to(stub):
    """As a debugger steps over a call: a breakpoint behind it, on, and away with it."""
    seek(stub)
    stub.ask("Z1,%x,1" % (LOOP_AT + 10))
    stub.ask("vCont;c")
    stub.ask("z1,%x,1" % (LOOP_AT + 10))


def measure(stub, own):
    stub.sock.settimeout(PATIENCE)
    features = stub.ask("qSupported:swbreak+;hwbreak+;vContSupported+")
    stub.document("target.xml")
    stub.ask("?")
    stub.ask("M%x,%x:%s" % (LOOP_AT, len(LOOP), LOOP.hex()))
    seek(stub)
    return {
        "memory": clock(5, lambda: memory(stub, features)),
        "g": clock(200, lambda: stub.ask("g")),
        "stepi": clock(200, lambda: step(stub)),
        "stepi-and-pc": clock(200, lambda: step_known(stub)),
        "range-step": clock(5, lambda: step_range(stub, own)),
        "run-to": clock(50, lambda: run_to(stub)),
        "false-condition": clock(5, lambda: false_condition(stub, own)) / 40,
    }


def main():
    with tempfile.TemporaryDirectory() as tmp:
        path = peer.start_vitrine(tmp)
        mine = peer.Stub("vitrine", path)
        peer.prepare(mine)
        times = measure(mine, True)
        path, process = peer.start_qemu(tmp)
        theirs = peer.Stub("QEMU", path)
        try:
            peer.prepare(theirs)
            mine_lost, lost[1] = lost[1], 0
            other = measure(theirs, False)
        finally:
            process.kill()
    print("steps not told: vitrine %d, QEMU %d" % (mine_lost, lost[1]), file=sys.stderr)
    for name, value in times.items():
        print("%s %.9f %.9f" % (name, value, other[name]), flush=True)


main()
