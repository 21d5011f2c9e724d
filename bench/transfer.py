#!/usr/bin/python3
"""Cairn's transfers beside aws-cli, rclone, s5cmd and mc against one running cairn server.

Server on core 0, client on core 1, alternating rounds, new random bytes for every upload, everything
written is flushed before the next measurement starts. Prints medians of wall time and of the client's
CPU time (all its threads and children), the server's CPU beside them, and the ratios to the best of
the others. Clients that are not there are left out and named.

    bench/transfer.py --build build/release [--rounds 5] [--only put,get,put-many,get-many]
        [--clients cairn,s5cmd] [--size-mib 2048] [--files 10000] [--work DIRECTORY] [--tools DIRECTORY]
"""
import argparse
import json
import os
import pathlib
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/integration"))
from cairn_server import CairnServer  # noqa: E402

SERVER_CORE, CLIENT_CORE = "0", "1"
# Other work on the machine shall not decide: both ends go before it, where that is allowed.
AHEAD = ["nice", "-n", "-20"] if os.geteuid() == 0 else []
SMALL_BYTES = 16 * 1024
WALL_REACH = {"put": 1.3, "get": 1.3, "put-many": 2.0, "get-many": 2.0}
CPU_REACH = {"put": 0.7, "get": 0.7}


def random_file(path, size):
    """New bytes at the speed of AES, so that nothing is known to the server."""
    command = (f"openssl enc -aes-128-ctr -nosalt -K {secrets.token_hex(16)} -iv {'0' * 32} "
               f"-in /dev/zero 2>/dev/null | head -c {size} > '{path}'")
    subprocess.run(["sh", "-c", command], check=True)


class Clients:
    """Command lines of each client; None = it has no such way."""

    def __init__(self, arguments, server):
        self.server = server
        self.driver = str(arguments.build / "tests/integration/transfer_driver")
        self.cairn = str(arguments.build / "bin/cairn")
        self.tools = [arguments.tools] if arguments.tools else []
        self.env = server.client_env()
        host = server.endpoint.split("://", 1)[1]
        self.env.update({
            "S3_ENDPOINT_URL": server.endpoint, "AWS_REGION": "us-east-1", "AWS_PAGER": "",
            "HOME": str(arguments.work), "NO_COLOR": "1",
            "MC_HOST_c": f"http://{server.access_key}:{server.secret_key}@{host}",
            "RCLONE_CONFIG": "/nonexistent", "RCLONE_CONFIG_C_TYPE": "s3",
            "RCLONE_CONFIG_C_PROVIDER": "Other", "RCLONE_CONFIG_C_ENDPOINT": server.endpoint,
            "RCLONE_CONFIG_C_ACCESS_KEY_ID": server.access_key,
            "RCLONE_CONFIG_C_SECRET_ACCESS_KEY": server.secret_key,
            "RCLONE_CONFIG_C_NO_CHECK_BUCKET": "true"})
        listing = subprocess.run([self.cairn, "--help"], capture_output=True, text=True).stdout
        self.has_cp = any(line.split()[:1] == ["cp"] for line in listing.splitlines())

    def find(self, name):
        for directory in self.tools:
            found = shutil.which(name, path=str(directory))
            if found:
                return found
        # Debian's aws is version 2; a newer version 1 may come first in PATH.
        return f"/usr/bin/{name}" if os.path.exists(f"/usr/bin/{name}") else shutil.which(name)

    def command(self, client, task, key, path):
        url = f"s3://bench/{key}"
        if client == "driver":
            return [self.driver, task, self.server.endpoint, "bench",
                    key + ("/" if "many" in task else ""), path]
        if client == "cairn":
            if not self.has_cp:
                return None
            many = ["--recursive"] if "many" in task else []
            ends = [path, url] if task.startswith("put") else [url, path]
            return [self.cairn, "cp", "--quiet", "--endpoint-url", self.server.endpoint, *many, *ends]
        tool = self.find(client)
        if not tool:
            return None
        ends = [path, url] if task.startswith("put") else [url, path]
        if client == "aws":
            many = ["--recursive"] if "many" in task else []
            return [tool, "s3", "cp", "--endpoint-url", self.server.endpoint, "--quiet", *many, *ends]
        if client == "s5cmd":
            if "many" in task:
                ends = [path + "/*", url + "/"] if task == "put-many" else [url + "/*", path + "/"]
            return [tool, "--log", "error", "cp", *ends]
        if client == "rclone":
            ends = [end.replace("s3://", "c:") for end in ends]
            if "many" in task:
                return [tool, "copy", "--transfers", "32", "--checkers", "32", *ends]
            return [tool, "copyto", *ends]
        if client == "mc":
            ends = [end.replace("s3://", "c/") for end in ends]
            if "many" in task:
                return [tool, "cp", "--quiet", "--recursive", ends[0] + "/", ends[1] + "/"]
            return [tool, "cp", "--quiet", *ends]
        return None


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(command, env, server):
    os.sync()
    before = cpu_seconds(server.process.pid)
    begun = time.monotonic()
    process = subprocess.Popen([*AHEAD, "taskset", "-c", CLIENT_CORE, *command], env=env,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - begun
    if status != 0:
        raise RuntimeError(f"{command[0]} failed: {errors.decode(errors='replace')[-500:]}")
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime,
            "server": cpu_seconds(server.process.pid) - before}


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.work = arguments.work
        self.rows = {}

    def run(self):
        for number in range(self.arguments.rounds):
            with CairnServer(cores=1, data=None, command_prefix=[*AHEAD, "taskset", "-c", SERVER_CORE]) as server:
                server.boto3_client().create_bucket(Bucket="bench")
                clients = Clients(self.arguments, server)
                order = self.arguments.clients[number % len(self.arguments.clients):] + \
                    self.arguments.clients[:number % len(self.arguments.clients)]
                for task in self.arguments.only:
                    for client in order:
                        self.one(task, client, clients, f"r{number}-{task}-{client}")

    def one(self, task, client, clients, key):
        path = str(self.work / "data")
        command = clients.command(client, task, key, path)
        if command is None:
            return
        self.make(task, path)
        try:
            if task.startswith("get"):
                seed = clients.command("driver", task.replace("get", "put"), key, path)
                subprocess.run(seed, env=clients.env, check=True, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
                expected = self.total_bytes(path)
                self.remove(path)
                if "many" in task:
                    os.mkdir(path)
            result = measure(command, clients.env, clients.server)
            if task.startswith("get") and self.total_bytes(path) != expected:
                raise RuntimeError(f"{client} {task}: not everything arrived")
            self.rows.setdefault((task, client), []).append(result)
            print(key, {name: round(value, 2) for name, value in result.items()}, flush=True)
        except RuntimeError as error:
            print(key, error, flush=True)
        finally:
            self.remove(path)

    def make(self, task, path):
        if "many" not in task:
            random_file(path, self.arguments.size_mib << 20)
            return
        os.mkdir(path)
        random_file(path + ".all", self.arguments.files * SMALL_BYTES)
        with open(path + ".all", "rb") as source:
            for i in range(self.arguments.files):
                with open(f"{path}/file-{i:05}.bin", "wb") as file:
                    file.write(source.read(SMALL_BYTES))
        os.unlink(path + ".all")

    @staticmethod
    def total_bytes(path):
        if os.path.isfile(path):
            return os.path.getsize(path)
        return sum(os.path.getsize(os.path.join(path, name)) for name in os.listdir(path))

    def remove(self, path):
        if os.path.isdir(path):
            # Removed at the end: ext4 searches long for inodes that were not freed a minute ago.
            os.rename(path, tempfile.mkdtemp(dir=self.work) + "/old")
        elif os.path.exists(path):
            os.unlink(path)

    def table(self):
        print("\n| Task | Client | wall s | client CPU s | server CPU s |\n|---|---|---|---|---|")
        medians = {}
        for (task, client), results in self.rows.items():
            row = {name: statistics.median(one[name] for one in results) for name in results[0]}
            medians[task, client] = row
            print(f"| {task} | {client} | {row['wall']:.2f} | {row['cpu']:.2f} | {row['server']:.2f} |")
        ours = ("cairn", "driver")
        for task in self.arguments.only:
            others = [row for (name, client), row in medians.items()
                      if name == task and client not in ours]
            for client in ours:
                if (task, client) in medians and others:
                    self.verdict(task, client, medians[task, client], others)

    @staticmethod
    def verdict(task, client, mine, others):
        faster = min(row["wall"] for row in others) / mine["wall"]
        cpu = mine["cpu"] / min(row["cpu"] for row in others)
        text = f"{task} by {client}: {faster:.2f} x as fast as the best (reach {WALL_REACH[task]})"
        text += f", {cpu:.2f} x its CPU"
        if task in CPU_REACH:
            text += f" (reach {CPU_REACH[task]})"
        print(text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="put,get,put-many,get-many")
    parser.add_argument("--clients", default="cairn,driver,aws,rclone,s5cmd,mc")
    parser.add_argument("--size-mib", type=int, default=2048)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--work", type=pathlib.Path)
    parser.add_argument("--tools", type=pathlib.Path, help="where s5cmd and mc are")
    arguments = parser.parse_args()
    arguments.build = arguments.build.resolve()
    arguments.only = arguments.only.split(",")
    arguments.clients = arguments.clients.split(",")
    os.environ["CAIRN_BINARY"] = str(arguments.build / "bin/cairn")
    own = tempfile.mkdtemp(prefix="cairn-transfer-bench-", dir=arguments.work)
    arguments.work = pathlib.Path(own)
    try:
        bench = Bench(arguments)
        bench.run()
        bench.table()
        print(json.dumps({f"{task} {client}": rows for (task, client), rows in bench.rows.items()}))
    finally:
        shutil.rmtree(own, ignore_errors=True)


if __name__ == "__main__":
    main()
