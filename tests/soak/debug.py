# SPDX-License-Identifier: GPL-2.0-or-later
#
# Random stops, steps, breaks and detaches on a Linux guest under load, through the
# debug stub as a client that keeps to the protocol: run inside gdb by debug.sh,
# which looks after the guest. Prints what it did once a minute, and at the end
# "lost N": how many stops never came, came for no reason, or told a wrong place.
import collections
import os
import random
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../gdb"))
import peer  # noqa: E402

SOCKET = os.environ["SOAK_SOCKET"]
SECONDS = float(os.environ["SOAK_SECONDS"])
BREAKS = [int(word, 16) for word in os.environ["SOAK_BREAKS"].split()]
CPUS = int(os.environ.get("SOAK_CPUS", "4"))
PATIENCE = 120  # seconds until a stop counts as lost: the machine may be slow
OPERATIONS = os.environ.get("SOAK_OPS", "step step step_running step_range stop brk look").split()
dice = random.Random(int(os.environ.get("SOAK_SEED", "1")))
did = collections.Counter()
wrong = []
history = collections.deque(maxlen=30)  # what was done last, for whoever has to find out
code = {}


def lost(what):
    wrong.append(what)
    print("WRONG: " + what, flush=True)
    if len(wrong) == 1:
        print("\n".join(history), flush=True)
    if "cannot run on" in what:
        raise SystemExit


class Session:
    def __init__(self):
        self.stub = peer.Stub("vitrine", SOCKET)
        self.stub.sock.settimeout(PATIENCE)
        self.armed = {}
        self.stub.ask("qSupported:swbreak+;hwbreak+;vContSupported+")
        if not self.stub.ask("?").startswith("T"):
            lost("no stop on connecting")
        did["connect"] += 1

    def pc(self):
        return int.from_bytes(bytes.fromhex(self.stub.ask("p10")), "little")

    def wait(self, what):
        """The stop reply, or None where none came in all this time."""
        try:
            while True:
                reply = self.stub.reply().decode("latin-1")
                if not reply.startswith("O"):
                    break
        except socket.timeout:
            lost("no stop after " + what)
            return None
        if not reply.startswith("T"):
            lost("%s after %s" % (reply, what))
            return None
        history.append("  " + reply)
        return reply

    def run(self, packet, what):
        history.append(packet)
        self.stub.send(packet)
        return self.wait(what)

    def thread(self):
        thread = dice.randint(1, CPUS)
        self.stub.ask("Hg%x" % thread)
        return thread

    def step(self):
        """One instruction of one processor, the others standing."""
        thread = self.thread()
        reply = self.run("vCont;s:%x" % thread, "a step of %d" % thread)
        if reply and not reply.startswith("T05"):
            lost("a step ends with " + reply)
        did["step"] += 1

    def step_running(self):
        thread = self.thread()
        reply = self.run("vCont;s:%x;c" % thread, "a step of %d, others running" % thread)
        if reply and not reply.startswith("T05"):
            lost("a step beside others ends with " + reply)
        did["step beside others"] += 1

    def step_range(self):
        thread = self.thread()
        pc = self.pc()
        history.append("range step of %d from %x" % (thread, pc))
        self.stub.send("vCont;r%x,%x:%x" % (pc, pc + 16, thread))
        time.sleep(dice.random() / 10)
        self.stub.sock.sendall(b"\x03")
        self.wait("a range step of %d" % thread)
        self.settle()
        did["range step"] += 1

    def stop(self):
        history.append("vCont;c and an interrupt")
        self.stub.send("vCont;c")
        time.sleep(dice.random() / 2)
        self.stub.sock.sendall(b"\x03")
        self.wait("a stop")
        self.settle()
        did["stop"] += 1

    def settle(self):
        """An interrupt that came too late is answered by nothing: what stands can be asked."""
        if not self.stub.ask("?").startswith("T"):
            lost("? is not answered")

    def set(self, kind, address):
        if self.stub.ask("Z%d,%x,1" % (kind, address)) == "OK":
            self.armed[address] = kind

    def brk(self):
        for address in dice.sample(BREAKS, dice.randint(1, 2)):
            if len(self.armed) < 3 and address not in self.armed:
                self.set(dice.randint(0, 1), address)
        if not self.armed:
            return
        reply = self.run("vCont;c", "a breakpoint at %s" % " ".join("%x" % a for a in self.armed))
        if not reply:
            self.stub.sock.sendall(b"\x03")
            self.wait("the stop after that")
            return
        self.stub.ask("Hg0")
        thread = reply.split("thread:")[1].split(";")[0] if "thread:" in reply else "1"
        self.stub.ask("Hg" + thread)
        if self.pc() not in self.armed:
            lost("%s at %x, where no breakpoint is" % (reply[:40], self.pc()))
        did["break"] += 1
        if dice.random() < 0.6:
            self.clear()

    def clear(self):
        for address, kind in list(self.armed.items()):
            if self.stub.ask("z%d,%x,1" % (kind, address)) != "OK":
                lost("a breakpoint is not taken away")
            del self.armed[address]

    def look(self):
        self.thread()
        regs = self.stub.ask("g")
        if self.stub.ask("G" + regs) != "OK" or self.stub.ask("g") != regs:
            lost("G of g changes registers")
        for address in BREAKS:
            now = self.stub.ask("m%x,10" % address)
            if code.setdefault(address, now) != now:
                lost("code at %x was %s, is %s" % (address, code[address], now))
        did["look"] += 1

    def leave(self):
        if dice.random() < 0.5:
            self.clear()
        if dice.random() < 0.7:
            history.append("D")
            if self.stub.ask("D") != "OK":
                lost("D is refused")
            did["detach"] += 1
        else:
            did["hang up"] += 1
            history.append("hang up")
        self.stub.sock.close()


def main():
    end = time.monotonic() + SECONDS
    told = time.monotonic()
    while time.monotonic() < end and len(wrong) < 20:
        session = Session()
        for _ in range(dice.randint(3, 25)):
            getattr(session, dice.choice(OPERATIONS))()
        session.leave()
        time.sleep(dice.random())
        if time.monotonic() - told > 60:
            told = time.monotonic()
            print(", ".join("%s %d" % one for one in sorted(did.items())), flush=True)
    print(", ".join("%s %d" % one for one in sorted(did.items())))
    print("lost %d" % len(wrong))


main()
