# SPDX-License-Identifier: Apache-2.0
"""The other end of the appliance's cable: Ethernet frames in datagrams (QEMU's -netdev socket), and on it a DHCP
server that gives short leases and does as it is told."""
import socket
import struct
import threading

HARDWARE = bytes.fromhex("525400c0ffee")


def sum16(data):
    total = sum(struct.unpack("!%dH" % (len(data + b"\0") // 2), (data + b"\0")[:(len(data) + 1) // 2 * 2]))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Server:
    def __init__(self, lease_s=60):
        self.lease_s, self.own, self.address = lease_s, bytes([192, 0, 2, 1]), bytes([192, 0, 2, 9])
        self.given = self.address  # last
        self.answers, self.refuses = lambda to: True, False  # which messages, by whom they were sent to
        self.heard, self.more = [], threading.Condition()  # (kind, asked for by address, sent to)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(("127.0.0.1", 0))
            self.peer = s.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def options(self):
        return ["-netdev", "socket,id=net,udp=127.0.0.1:%d,localaddr=127.0.0.1:%d" % (
            self.socket.getsockname()[1], self.peer[1]), "-device", "virtio-net-pci,netdev=net"]

    def wait(self, wanted, patience):
        """The first message heard from now on of which wanted(kind, by address, sent to) is true; None: none came."""
        with self.more:
            begin = len(self.heard)
            if self.more.wait_for(lambda: any(wanted(*m) for m in self.heard[begin:]), patience):
                return next(m for m in self.heard[begin:] if wanted(*m))
        return None

    def _send(self, to, kind, payload):
        self.socket.sendto((to + HARDWARE + struct.pack("!H", kind) + payload).ljust(60, b"\0"), self.peer)

    def _serve(self):
        while True:
            frame = self.socket.recv(65536)
            kind, packet = struct.unpack("!H", frame[12:14])[0], frame[14:]
            if kind == 0x0806 and packet[6:8] == b"\0\1" and packet[24:28] == self.own:
                self._send(frame[6:12], 0x0806, packet[:6] + b"\0\2" + HARDWARE + self.own + packet[8:18])
            elif kind == 0x0800 and packet[9] == 17 and packet[22:24] == struct.pack("!H", 67):
                self._dhcp(frame[6:12], packet[16:20], packet[28:])

    def _dhcp(self, hardware, to, message):
        options, at = {}, 240
        while message[at] != 255:
            options[message[at]] = message[at + 2:at + 2 + message[at + 1]]
            at += 2 + message[at + 1]
        kind = options[53][0]
        with self.more:
            self.heard.append((kind, bytes(message[12:16]), bytes(to)))
            answers, refuses, address = self.answers, self.refuses, self.address
            self.more.notify_all()
        if not answers(bytes(to)):
            return
        answer = 2 if kind == 1 else 6 if refuses else 5
        if answer == 5:
            self.given = address
        body = (b"\2\1\6\0" + message[4:8] + bytes(4) + message[12:16] + (bytes(4) if answer == 6 else address) +
                self.own + bytes(4) + message[28:44] + bytes(192) + bytes([99, 130, 83, 99, 53, 1, answer, 54, 4]) +
                self.own)
        if answer != 6:
            body += (bytes([51, 4]) + struct.pack("!I", self.lease_s) + bytes([1, 4, 255, 255, 255, 0, 3, 4]) + self.own)
        body += b"\xff"
        held = message[12:16] != bytes(4)
        udp = struct.pack("!HHHH", 67, 68, 8 + len(body), 0) + body
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + self.own + (
            message[12:16] if held else b"\xff" * 4)
        head = head[:10] + struct.pack("!H", sum16(head)) + head[12:]
        self._send(hardware if held else b"\xff" * 6, 0x0800, head + udp)
