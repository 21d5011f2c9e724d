"""A throw-away Ceph cluster on 127.0.0.1: one monitor, one manager, OSDs on sparse files.

    ceph_cluster.py up DIR [--osds 3] [--size 3] [--ec 2+1] [--osd-gib 32] [--until PID]
                     [--address 127.0.0.1]
                                        prints the path of ceph.conf; goes down when the process PID ends
    ceph_cluster.py down DIR            kills all of it and removes DIR
    ceph_cluster.py start-osd DIR N | out-osd DIR N | in-osd DIR N | wait-clean DIR
    ceph_cluster.py quota DIR POOL BYTES                        0 = none

Pools: `data`, replicated, and with --ec `data-ec`, erasure coded. No authentication; everything runs as
the caller. Daemons are ended by the process ids in DIR/run, after a look at their command lines.
REQUIRES: Debian's ceph-mon, ceph-mgr, ceph-osd and python3-rados; exit code 77 where they are missing."""
import argparse
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid

MISSING = 77
PATIENCE_SECONDS = 90
PROGRAMS = ("ceph-mon", "ceph-mgr", "ceph-osd", "monmaptool")
# Debian's python3-rados is seen by Debian's Python only.
try:
    import rados
except ImportError:
    rados = None

# Modules of the manager that a test has no use for; the always-on ones stay.
IDLE_MODULES = ("localpool,nfs,insights,alerts,influx,telegraf,zabbix,restful,snap_schedule,mirroring,"
                "prometheus,iostat,osd_perf_query,osd_support,selftest,test_orchestrator,stats,dashboard,"
                "cephadm,diskprediction_local,rook,k8sevents")
CONF = """[global]
fsid = {fsid}
mon_host = [v2:{address}:{port}/0]
public_addr = {address}
cluster_addr = {address}
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_mon_client_mode = crc
ms_bind_ipv6 = false
keyring = {dir}/run/$name.keyring
run_dir = {dir}/run
admin_socket = {dir}/run/$name.$pid.asok
pid_file = {dir}/run/$type.$id.pid
log_file = {dir}/log/$name.log
log_to_stderr = false
err_to_stderr = false
mon_cluster_log_file = {dir}/log/cluster.log
crash_dir = {dir}/run
debug_default = 0
osd_pool_default_size = {size}
osd_pool_default_min_size = {min_size}
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
[mon]
mon_data = {dir}/mon
mon_allow_pool_size_one = true
mon_allow_pool_delete = true
mon_warn_on_pool_no_redundancy = false
mon_max_pg_per_osd = 1000
mon_data_avail_warn = 2
mon_data_avail_crit = 1
mon_osd_min_down_reporters = 1
mon_osd_reporter_subtree_level = osd
mon_osd_down_out_interval = 600
mon_pg_warn_min_per_osd = 0
mon_osd_report_timeout = 15
auth_allow_insecure_global_id_reclaim = false
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
mon_tick_interval = 1
mon_mgr_beacon_grace = 30
rocksdb_cache_size = 32M
[mgr]
mgr_data = {dir}/mgr
mgr_initial_modules =
mgr_disabled_modules = {idle_modules}
mgr_stats_period = 1
mgr_tick_period = 1
mgr_beacon_period = 1
[osd]
osd_data = {dir}/osd$id
osd_objectstore = bluestore
osd_mon_report_interval = 1
osd_beacon_report_interval = 3
osd_heartbeat_interval = 1
osd_heartbeat_grace = 5
osd_op_num_shards = 2
osd_op_num_threads_per_shard = 2
osd_max_backfills = 4
bluestore_block_create = true
bluestore_block_size = {osd_bytes}
bluestore_cache_autotune = false
bluestore_cache_size = 134217728
bluestore_fsck_on_mount = false
bluestore_fsck_on_mkfs = false
"""


def free_port(address):
    with socket.socket() as listener:
        listener.bind((address, 0))
        return listener.getsockname()[1]


class CephCluster:
    def __init__(self, directory):
        self.dir = pathlib.Path(directory).resolve()
        self.conf = self.dir / "ceph.conf"
        self._client = None

    # Making it.

    def up(self, osds=3, size=None, ec="", osd_gib=32, address="127.0.0.1"):
        """`address`: one of this network namespace."""
        size = size or min(osds, 3)
        for name in ("run", "log", "mon", "mgr"):
            (self.dir / name).mkdir(parents=True, exist_ok=True)
        port, fsid = free_port(address), str(uuid.uuid4())
        self.conf.write_text(CONF.format(dir=self.dir, fsid=fsid, address=address, port=port, size=size,
                                         min_size=max(size - 1, 1), idle_modules=IDLE_MODULES,
                                         osd_bytes=osd_gib << 30))
        self._make_stores(osds, f"{address}:{port}", fsid)
        self._start("ceph-mon", "a")
        self._start("ceph-mgr", "x")
        for number, osd_uuid in self._osds():
            self._mon(prefix="osd new", uuid=osd_uuid, id=number)
        for number, _ in self._osds():
            self._start("ceph-osd", str(number))
        self._wait_for(lambda: all(o["up"] for o in self._dump()["osds"]), "the OSDs do not come up")
        self._make_pools(ec)
        self.wait_clean()
        return self.conf

    def _make_stores(self, osds, monitor, fsid):
        run = self.dir / "run"
        log = open(self.dir / "log/mkfs.out", "w")
        subprocess.run(["monmaptool", "--create", "--clobber", "--fsid", fsid, "--addv", "a",
                        f"[v2:{monitor}]", run / "monmap"], check=True, stdout=log, stderr=log)
        making = [subprocess.Popen(["ceph-mon", "-c", self.conf, "-i", "a", "--mkfs", "--monmap",
                                    run / "monmap", "--no-mon-config"], stdout=log, stderr=log)]
        rows = []
        for number in range(osds):
            osd_uuid = str(uuid.uuid4())
            rows.append(f"{number} {osd_uuid}\n")
            (self.dir / f"osd{number}").mkdir(exist_ok=True)
            making.append(subprocess.Popen(
                ["ceph-osd", "-c", self.conf, "-i", str(number), "--mkfs", "--osd-uuid", osd_uuid,
                 "--monmap", run / "monmap", "--no-mon-config"], stdout=log, stderr=log))
        (run / "osds").write_text("".join(rows))
        if any([process.wait() != 0 for process in making]):
            sys.exit("mkfs failed: " + (self.dir / "log/mkfs.out").read_text()[-2000:])

    def _make_pools(self, ec):
        self._mon(prefix="osd pool create", pool="data", pg_num=16, pgp_num=16)
        self._mon(prefix="osd pool application enable", pool="data", app="cairn")
        if not ec:
            return
        k, m = ec.split("+")
        self._mon(prefix="osd erasure-code-profile set", name="ecp",
                  profile=[f"k={k}", f"m={m}", "plugin=jerasure", "crush-failure-domain=osd"])
        self._mon(prefix="osd pool create", pool="data-ec", pg_num=16, pgp_num=16,
                  pool_type="erasure", erasure_code_profile="ecp")
        self._mon(prefix="osd pool application enable", pool="data-ec", app="cairn")

    def _osds(self):
        rows = (self.dir / "run/osds").read_text().split("\n")
        return [(int(row.split()[0]), row.split()[1]) for row in rows if row]

    # Daemons.

    def _start(self, program, name):
        with open(self.dir / f"log/{program}.{name}.out", "a") as out:
            subprocess.run([program, "-c", self.conf, "-i", name], check=True, stdout=out, stderr=out)

    def _pid(self, daemon):
        """The process of a daemon, or None; a process id that was used again is not ours."""
        try:
            pid = int((self.dir / f"run/{daemon}.pid").read_text())
            command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if str(self.conf).encode() in command else None

    def signal(self, daemon, number):
        pid = self._pid(daemon)
        if pid:
            os.kill(pid, number)
        if pid and number == signal.SIGKILL:
            self._wait_for(lambda: self._pid(daemon) is None, f"{daemon} does not end")

    def start_osd(self, number):
        self._start("ceph-osd", str(number))

    def start_mon(self):
        self._start("ceph-mon", "a")

    def down(self):
        for pid_file in (self.dir / "run").glob("*.pid"):
            self.signal(pid_file.name.removesuffix(".pid"), signal.SIGKILL)
        shutil.rmtree(self.dir, ignore_errors=True)

    def guard(self, pid):
        """Waits in the background until a process has ended, however it does, then goes down."""
        if os.fork() != 0:
            return
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        try:
            watched = os.pidfd_open(pid)
            select.select([watched], [], [])
        except OSError:
            pass  # It has ended already.
        self.down()
        os._exit(0)

    # Questions and orders to the monitor.

    def _connected(self):
        if self._client is None:
            self._client = rados.Rados(conffile=str(self.conf))
            self._client.connect(timeout=20)
        return self._client

    def _command(self, send, **words):
        code, out, error = send(json.dumps(words), b"", 30)
        if code not in (0, -17):  # It exists already.
            raise RuntimeError(f"{words}: {code} {error}")
        return out

    def _mon(self, **words):
        return self._command(self._connected().mon_command, **words)

    def _dump(self):
        return json.loads(self._mon(prefix="osd dump", format="json"))

    def _wait_for(self, condition, failure):
        end = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > end:
                sys.exit(failure)
            time.sleep(0.05)

    def wait_clean(self):
        def clean():
            dump = self._dump()
            up_from = {o["osd"]: o["up_from"] for o in dump["osds"]}
            try:
                out = self._command(self._connected().mgr_command, prefix="pg ls", format="json")
            except (RuntimeError, rados.Error):
                return False
            pgs = json.loads(out)
            pgs = pgs.get("pg_stats", []) if isinstance(pgs, dict) else pgs
            good = [p for p in pgs if p["state"] == "active+clean" and
                    all(int(p["reported_epoch"]) >= up_from[o] for o in p["acting"] if o in up_from)]
            return len(pgs) == len(good) == sum(pool["pg_num"] for pool in dump["pools"])
        self._wait_for(clean, "the placement groups are not active and clean")

    def order(self, **words):
        return self._mon(**words)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command")
    parser.add_argument("directory")
    parser.add_argument("arguments", nargs="*")
    parser.add_argument("--osds", type=int, default=3)
    parser.add_argument("--size", type=int, default=0)
    parser.add_argument("--ec", default="")
    parser.add_argument("--osd-gib", type=int, default=32)
    parser.add_argument("--until", type=int, default=0)
    parser.add_argument("--address", default="127.0.0.1")
    given = parser.parse_args()
    if rados is None or any(shutil.which(program) is None for program in PROGRAMS):
        print("ceph-mon, ceph-mgr, ceph-osd and python3-rados are not installed", file=sys.stderr)
        sys.exit(MISSING)
    cluster = CephCluster(given.directory)
    rest = given.arguments
    if given.command == "up":
        if given.until:
            cluster.guard(given.until)
        print(cluster.up(given.osds, given.size, given.ec, given.osd_gib, given.address))
    elif given.command == "down":
        cluster.down()
    elif given.command == "start-osd":
        cluster.start_osd(int(rest[0]))
    elif given.command == "start-mon":
        cluster.start_mon()
    elif given.command == "out-osd":
        cluster.order(prefix="osd out", ids=[rest[0]])
    elif given.command == "in-osd":
        cluster.order(prefix="osd in", ids=[rest[0]])
    elif given.command == "wait-clean":
        cluster.wait_clean()
    elif given.command == "quota":
        cluster.order(prefix="osd pool set-quota", pool=rest[0], field="max_bytes", val=rest[1])
    else:
        parser.error(f"no such command: {given.command}")


if __name__ == "__main__":
    main()
