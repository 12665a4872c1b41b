#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""balloon.py SOCKET MIB...: by QMP, one target after the other; for each, MiB/s until the guest
has it ("-" where it is not there after two minutes). The first is where it is now."""
import json
import socket
import sys
import time


class Qmp:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.file = self.sock.makefile("rb")
        self.file.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        line = json.dumps({"execute": command, "arguments": arguments})
        self.sock.sendall(line.encode() + b"\n")
        while True:
            reply = json.loads(self.file.readline())
            if "event" not in reply:
                return reply["return"]


def move(qmp, start, mib):
    begin = time.monotonic()
    qmp.ask("balloon", value=mib << 20)
    while qmp.ask("query-balloon")["actual"] != mib << 20:
        if time.monotonic() - begin > 120:
            return "-"
        time.sleep(0.005)
    return "%.0f" % (abs(mib - start) / (time.monotonic() - begin))


vm = Qmp(sys.argv[1])
sizes = [int(arg) for arg in sys.argv[2:]]
print(" ".join(move(vm, *pair) for pair in zip(sizes, sizes[1:])))
