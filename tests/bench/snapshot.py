# SPDX-License-Identifier: GPL-2.0-or-later
#
# Snapshots of a machine whose guest is tests/bench/dirty.S, through its QMP socket:
# run inside gdb by snapshot.sh. Prints "name median least" in ms: the whole command
# as its user waits for it.
import json
import os
import socket
import time

QMP, SERIAL = os.environ["BENCH_QMP"], os.environ["BENCH_SERIAL"]
ROUNDS = 9


def connect(path):
    deadline = time.monotonic() + 120
    while True:
        try:
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(path)
            sock.settimeout(300)
            return sock
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


class Qmp:
    def __init__(self, path):
        self.file = connect(path).makefile("rw")
        self.file.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **args):
        json.dump({"execute": command, "arguments": args}, self.file)
        self.file.write("\n")
        self.file.flush()
        while True:
            reply = json.loads(self.file.readline())
            if "error" in reply:
                raise RuntimeError(reply["error"]["desc"])
            if "return" in reply:
                return reply["return"]

    def monitor(self, line):
        said = self.ask("human-monitor-command", **{"command-line": line})
        if "Error" in said:
            raise RuntimeError(said)
        return said


def dirty(serial):
    serial.sendall(b"x")
    while b"." not in serial.recv(4096):
        pass


def main():
    qmp, serial = Qmp(QMP), connect(SERIAL)
    times = {"save": [], "load": []}
    dirty(serial)
    said = qmp.monitor("savevm bench")
    for _ in range(ROUNDS):
        for what, command in (("save", "savevm bench"), ("load", "loadvm bench")):
            dirty(serial)
            qmp.ask("stop")
            start = time.monotonic()
            said = qmp.monitor(command)
            times[what].append(time.monotonic() - start)
            if said:
                print("# " + said.strip())
            qmp.ask("cont")
    for what, all_of in times.items():
        all_of.sort()
        print("%s %.3f %.3f" % (what, all_of[len(all_of) // 2] * 1e3, all_of[0] * 1e3), flush=True)


main()
