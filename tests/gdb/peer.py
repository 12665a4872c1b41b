# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two machines side by side, vitrine's and QEMU's, with the same guest and their
# debug stubs connected: for diff.py and the benchmark. Runs inside gdb, whose
# Python is there wherever gdb is.
import os
import re
import socket
import struct
import subprocess
import time

BUILD = os.environ["VITRINE_BUILD"]
QEMU = os.environ.get("QEMU", "qemu-system-x86_64")
GUEST = BUILD + "/guests/hello-pvh.elf"


def pvh_entry(path):
    """Where a PVH loader enters: XEN_ELFNOTE_PHYS32_ENTRY of a 64-bit ELF file."""
    with open(path, "rb") as file:
        elf = file.read()
    headers, = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    for at in range(headers, headers + size * count, size):
        kind, _, note, _, _, left = struct.unpack_from("<2I4Q", elf, at)
        end = note + left
        while kind == 4 and note < end:
            name, desc, which = struct.unpack_from("<3I", elf, note)
            data = note + 12 + (name + 3 & ~3)
            if elf[note + 12:note + 15] == b"Xen" and which == 18:
                return struct.unpack_from("<I", elf, data)[0]
            note = data + (desc + 3 & ~3)
    raise ValueError("no PVH entry in " + path)


ENTRY = pvh_entry(GUEST)

# 32-bit code that goes in a circle; offsets of its instructions behind it.
CODE_AT = 0x200000
CODE = bytes.fromhex(
    "90"                # 00 nop
    "b878563412"        # 01 mov $0x12345678, %eax
    "89c3"              # 06 mov %eax, %ebx
    "01d8"              # 08 add %ebx, %eax
    "50"                # 0a push %eax
    "59"                # 0b pop %ecx
    "e80f000000"        # 0c call 20
    "a300102000"        # 11 mov %eax, 0x201000
    "8b1500102000"      # 16 mov 0x201000, %edx
    "ebe2"              # 1c jmp 00
    "9090"              # 1e
    "31f6"              # 20 xor %esi, %esi
    "f9"                # 22 stc
    "40"                # 23 inc %eax
    "c3")               # 24 ret
DATA_AT = 0x201000
STACK_AT = 0x210000


class Stub:
    """A client of a debug stub that keeps to the protocol and knows nothing."""

    def __init__(self, name, path):
        self.name = name
        self.data = b""
        self.sock = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + 120
        while True:
            try:
                self.sock.connect(path)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        self.sock.settimeout(10)

    def byte(self):
        if not self.data:
            self.data = self.sock.recv(65536)
            if not self.data:
                raise EOFError(self.name + " closed the connection")
        one, self.data = self.data[:1], self.data[1:]
        return one

    def reply(self):
        """The next packet's payload, runs expanded."""
        while self.byte() != b"$":
            pass
        payload = b""
        while True:
            end = self.data.find(b"#")
            if end >= 0:
                payload += self.data[:end]
                self.data = self.data[end + 1:]
                break
            payload += self.data
            self.data = b""
            self.data = self.sock.recv(65536)
            if not self.data:
                raise EOFError(self.name + " closed the connection")
        self.byte()
        self.byte()
        self.sock.sendall(b"+")
        return re.sub(rb"(.)\*(.)", lambda m: m.group(1) * (ord(m.group(2)) - 28), payload,
                      flags=re.S)

    def send(self, payload):
        if isinstance(payload, str):
            payload = payload.encode()
        self.sock.sendall(b"$%b#%02x" % (payload, sum(payload) & 0xff))

    def ask(self, payload):
        """The reply as text; console output on the way is passed over."""
        self.send(payload)
        while True:
            try:
                reply = self.reply()
            except socket.timeout:
                return "silence"
            if not re.fullmatch(rb"O([0-9a-f]{2})+", reply):
                return reply.decode("latin-1")

    def document(self, name):
        text, offset = "", 0
        while True:
            part = self.ask("qXfer:features:read:%s:%x,7f0" % (name, offset))
            plain = re.sub("}(.)", lambda m: chr(ord(m.group(1)) ^ 0x20), part[1:], flags=re.S)
            text += plain
            offset += len(plain)
            if part[:1] != "m":
                return text


def start_vitrine(tmp):
    run = [BUILD + "/vitrine", "run", "--detach", "--freeze", "--name", "peer", "--mem", "64M"]
    subprocess.run(run + [GUEST], check=True, stdout=subprocess.DEVNULL)
    return os.environ["XDG_RUNTIME_DIR"] + "/vitrine/peer/gdb.sock"


def start_qemu(tmp):
    path = tmp + "/qemu.sock"
    process = subprocess.Popen(
        [QEMU, "-M", "microvm", "-accel", os.environ.get("PEER_ACCEL", "tcg"), "-m", "64", "-nodefaults",
         "-no-user-config", "-display", "none", "-serial", "null", "-kernel", GUEST, "-S",
         "-gdb", "unix:%s,server=on,wait=off" % path],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return path, process


def le(value, size):
    return value.to_bytes(size, "little").hex()


# Registers as both number them in a 64-bit description.
RIP, EFLAGS, RSP = 16, 17, 7


def prepare(stub):
    """To the guest's first instruction, with the circle in memory and known registers."""
    stub.ask("qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+")
    stub.document("target.xml")  # without it, QEMU has neither p nor P
    stub.ask("?")
    if not stub.ask("p10").startswith(le(ENTRY, 4)):
        stub.ask("Z1,%x,1" % ENTRY)
        stub.ask("vCont;c")
        stub.ask("z1,%x,1" % ENTRY)
    stub.ask("M%x,%x:%s" % (CODE_AT, len(CODE), CODE.hex()))
    stub.ask("M%x,40:%s" % (DATA_AT, bytes(range(64)).hex()))
    for number in range(16):
        stub.ask("P%x=%s" % (number, le(0, 8)))
    stub.ask("P%x=%s" % (RSP, le(STACK_AT, 8)))
    stub.ask("P%x=%s" % (EFLAGS, le(2, 4)))
    stub.ask("P%x=%s" % (RIP, le(CODE_AT, 8)))
