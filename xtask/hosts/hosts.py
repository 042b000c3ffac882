#!/usr/bin/env python3
"""Five hosts with their own addresses do a job over a bad network, and it comes out as on one machine.

    host 1: chain, submitter   2: solver   3: another solver   4: two verifiers   5: a verifier, a whistleblower
      |           |             |            |                  |
      +-----------+------ a switch in this process: 50 ms a frame, one in a hundred lost, cut for a while ------+

Each host is a network namespace (`ip netns`), joined to the switch by a veth pair. The chain is served on loopback, as always; a proxy on each host brings
it to the loopback of the others. While the job runs host 5 is cut off and comes back, and the solver is killed with signal 9 and replaced.

Needs Linux, root and iproute2. Usage: hosts.py SAMEBIT [--pace N]
"""

import array
import fcntl
import heapq
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HOSTS = 5
DELAY, LOSS = 0.050, 0.01
PORT = 8545
# How long the job may take, and how long host 5 is cut off.
PATIENCE, CUT = 900.0, 8.0
JOB = """
model_config: {model_type: gpt2, n_layer: 1, n_embd: 32, n_head: 2, n_positions: 32, vocab_size: 256}
tokenizer: bytes
datasets: [{path: text.txt}]
sequence_len: 32
micro_batch_size: 4
max_steps: 16
learning_rate: 1.0e-2
seed: 3
verify: {segment_steps: 2}
market: {budget: 200, credit: 1, draw: 0.5}
"""


def sh(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def inside(host, *command):
    return ["ip", "netns", "exec", f"sbhost{host}", *command]


def without_offload(name):
    """Frames that pass through this process need whole checksums and no more than their size."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for what in (0x17, 0x1F, 0x24):  # ETHTOOL_STXCSUM, STSO, SGSO
            value = array.array("B", struct.pack("II", what, 0))
            request = struct.pack("16sP", name.encode(), value.buffer_info()[0])
            try:
                fcntl.ioctl(control, 0x8946, request)  # SIOCETHTOOL
            except OSError:
                pass


class Switch(threading.Thread):
    """Passes frames on, late, or not at all."""

    def __init__(self, ports):
        super().__init__(daemon=True)
        self.ports, self.cut, self.passed, self.lost = ports, set(), 0, 0
        self.sockets = {}
        for port in ports:
            held = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            held.bind((port, 0))
            held.setblocking(False)
            self.sockets[port] = held
        self.places, self.waiting, self.order = {}, [], 0

    def run(self):
        import select

        chance = random.Random(7)
        by_number = {held.fileno(): port for port, held in self.sockets.items()}
        while True:
            wait = max(0.0, self.waiting[0][0] - time.monotonic()) if self.waiting else 0.05
            ready, _, _ = select.select(list(by_number), [], [], min(wait, 0.05))
            for number in ready:
                self.take(by_number[number], chance)
            while self.waiting and self.waiting[0][0] <= time.monotonic():
                _, _, port, frame = heapq.heappop(self.waiting)
                try:
                    self.sockets[port].send(frame)
                    self.passed += 1
                except OSError:
                    self.lost += 1

    def take(self, port, chance):
        for _ in range(64):
            try:
                frame, where = self.sockets[port].recvfrom(65536)
            except OSError:
                return
            if where[2] == socket.PACKET_OUTGOING:
                continue
            self.places[frame[6:12]] = port
            known = self.places.get(frame[0:6])
            for to in [known] if known else [other for other in self.ports if other != port]:
                if port in self.cut or to in self.cut or chance.random() < LOSS:
                    self.lost += 1
                    continue
                self.order += 1
                heapq.heappush(self.waiting, (time.monotonic() + DELAY, self.order, to, frame))


PROXY = """
import socket, sys, threading
def pump(a, b):
    try:
        while data := a.recv(65536): b.sendall(data)
    except OSError: pass
    for end in (a, b):
        try: end.shutdown(socket.SHUT_RDWR)
        except OSError: pass
def carry(near):
    try: far = socket.create_connection((sys.argv[2], int(sys.argv[3])), timeout=30)
    except OSError: return near.close()
    far.settimeout(None)
    for a, b in ((near, far), (far, near)): threading.Thread(target=pump, args=(a, b), daemon=True).start()
listener = socket.create_server((sys.argv[1], int(sys.argv[3])), backlog=64)
print("ready", flush=True)
while True:
    near, _ = listener.accept()
    threading.Thread(target=carry, args=(near,), daemon=True).start()
"""


class Town:
    def __init__(self, binary, folder, pace):
        self.binary, self.folder, self.pace, self.children = binary, folder, pace, {}

    def lay(self):
        for host in range(1, HOSTS + 1):
            sh("ip", "netns", "add", f"sbhost{host}")
            sh("ip", "link", "add", f"sbport{host}", "type", "veth", "peer", "name", "eth0", "netns", f"sbhost{host}")
            sh("ip", "link", "set", f"sbport{host}", "up")
            without_offload(f"sbport{host}")
            sh(*inside(host, "ip", "addr", "add", f"10.77.0.{host}/24", "dev", "eth0"))
            sh(*inside(host, "ip", "link", "set", "eth0", "up"))
            sh(*inside(host, "ip", "link", "set", "lo", "up"))
            sh(*inside(host, sys.executable, __file__, "--without-offload", "eth0"))
        self.switch = Switch([f"sbport{host}" for host in range(1, HOSTS + 1)])
        self.switch.start()

    def clear(self):
        for child in self.children.values():
            if child.poll() is None:
                child.kill()
                child.wait()
        for host in range(1, HOSTS + 1):
            subprocess.run(["ip", "netns", "del", f"sbhost{host}"], stderr=subprocess.DEVNULL)

    def begin(self, name, host, *arguments, binary=None):
        log = open(os.path.join(self.folder, f"{name}.log"), "a")
        command = inside(host, binary or self.binary, *arguments)
        out = subprocess.PIPE if name.startswith(("devnet", "proxy")) else log
        child = subprocess.Popen(command, cwd=self.folder, stdout=out, stderr=log, text=True)
        self.children[name] = child
        return child

    def peer(self, name, host, role, account, *more):
        self.begin(name, host, "--threads", "1", "peer", "--roles", role, "--account", str(account), "--dir", name,
                   "--listen", f"10.77.0.{host}:0", "--poll-ms", "200", *more)

    def jobs(self):
        command = inside(1, self.binary, "--json", "jobs")
        ran = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        return json.loads(ran.stdout)["jobs"] if ran.returncode == 0 else []

    def solver(self):
        """Who has the job: whichever of the two has asked first."""
        logs = {name: open(os.path.join(self.folder, f"{name}.log")).read() for name in ("solver-a", "solver-b")}
        return next(name for name, log in logs.items() if "Claim" in log)


def play(town):
    with open(os.path.join(town.folder, "text.txt"), "w") as text:
        text.write("".join(f"line {at}: {at * 7 % 31} apples and {at * at % 17} pears\n" for at in range(200)))
    with open(os.path.join(town.folder, "job.yaml"), "w") as job:
        job.write(JOB)
    local = subprocess.run([town.binary, "run", "job.yaml", "--out", "local", "--threads", "1"], cwd=town.folder,
                           capture_output=True, text=True)
    assert local.returncode == 0, local.stderr
    town.lay()
    devnet = town.begin("devnet", 1, "--json", "devnet", "--dir", "chain", "--port", str(PORT), "--pace", str(town.pace))
    json.loads(devnet.stdout.readline())
    for host in range(1, HOSTS + 1):
        ends = ("10.77.0.1", "127.0.0.1") if host == 1 else ("127.0.0.1", "10.77.0.1")
        proxy = town.begin(f"proxy-{host}", host, "-c", PROXY, *ends, str(PORT), binary=sys.executable)
        proxy.stdout.readline()
    shutil.copy(os.path.join(town.folder, "chain", "samebit.toml"), town.folder)
    begun = time.monotonic()
    town.begin("submitter", 1, "--threads", "1", "submit", "job.yaml", "--out", "result", "--account", "1",
               "--listen", "10.77.0.1:0", "--poll-ms", "200")
    town.peer("solver-a", 2, "solver", 2, "--price", "5")
    town.peer("solver-b", 3, "solver", 3, "--price", "6")
    town.peer("verifier-1", 4, "verifier", 4)
    town.peer("verifier-2", 4, "verifier", 5)
    town.peer("verifier-3", 5, "verifier", 6)
    town.peer("whistleblower", 5, "whistleblower", 7)
    claimed_at_kill, cut_until, has_cut = None, None, False
    while town.children["submitter"].poll() is None:
        time.sleep(1.0)
        assert time.monotonic() - begun < PATIENCE, "not done in time"
        jobs = town.jobs()
        claimed = jobs[0]["claimed"] if jobs else 0
        if jobs and jobs[0]["stage"] == "running" and not has_cut:
            print(f"{time.monotonic() - begun:6.1f} s  host 5 is cut off", flush=True)
            town.switch.cut.add("sbport5")
            has_cut, cut_until = True, time.monotonic() + CUT
        if cut_until and time.monotonic() > cut_until:
            print(f"{time.monotonic() - begun:6.1f} s  host 5 is back", flush=True)
            town.switch.cut.clear()
            cut_until = None
        if claimed >= 1 and claimed_at_kill is None:
            print(f"{time.monotonic() - begun:6.1f} s  the solver is killed with signal 9; it has claimed {claimed} segments", flush=True)
            town.children[town.solver()].send_signal(signal.SIGKILL)
            claimed_at_kill = claimed
    assert town.children["submitter"].returncode == 0, "the submitter has failed"
    assert claimed_at_kill is not None, "the job was done before the solver could be killed"
    receipts = [json.load(open(os.path.join(town.folder, name, "receipt.json"))) for name in ("local", "result")]
    local, result = (receipt["final_state"] for receipt in receipts)
    job = town.jobs()[0]
    report = {
        "final_state": result, "local_final_state": local, "attempts": job["attempts"], "segments": job["segments"],
        "claimed_when_killed": claimed_at_kill, "frames": town.switch.passed, "frames_lost": town.switch.lost,
        "seconds": round(time.monotonic() - begun, 1),
    }
    print(json.dumps(report))
    assert result == local, "another state was delivered"
    assert job["attempts"] >= 2, "nobody took the solver's place"


def main():
    if sys.argv[1:2] == ["--without-offload"]:
        return without_offload(sys.argv[2])
    if os.geteuid() != 0 or shutil.which("ip") is None:
        sys.exit("hosts.py needs root and iproute2: it makes network namespaces")
    pace = int(sys.argv[sys.argv.index("--pace") + 1]) if "--pace" in sys.argv else 25
    with tempfile.TemporaryDirectory(prefix="samebit-hosts-") as folder:
        town = Town(os.path.abspath(sys.argv[1]), folder, pace)
        try:
            play(town)
        except BaseException:
            for name in sorted(os.listdir(folder)):
                if name.endswith(".log"):
                    with open(os.path.join(folder, name)) as log:
                        print(f"--- {name}\n" + "".join(log.readlines()[-8:]), file=sys.stderr)
            raise
        finally:
            town.clear()


main()
