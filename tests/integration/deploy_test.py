"""deploy/: the unit, the image, the compose file and the chart, with the tools of their makers: systemd-analyze,
hadolint, docker-compose and the compose schema, helm and the schemas of Kubernetes. What they set is compared
with the settings that the built binary knows. Nothing is started: no docker daemon and no cluster is needed.

`./dev lint` runs the class Units. prepare_clients.sh fetches the tools; where they are not to be had the
classes that need them print why and are skipped."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm/cairn"
TOOLS = ROOT / "build/clients/deploy"
# What `systemd-analyze security` may say at most, in tenths: 14 today; 92 without any hardening.
EXPOSURE_MAX = 20
KUBERNETES = ("1.25", "1.30", "1.33")
# Variables that the server reads and that are no settings (server/credentials.h), and one that `env:` names.
SECRETS = {"CAIRN_ROOT_ACCESS_KEY", "CAIRN_ROOT_SECRET_KEY", "CAIRN_ROOT_KEY_HEX"}

# Of the compose file itself.
COMPOSE_ONLY = {"CAIRN_IMAGE"}


def run(*command, **more):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, **more)


def skip(name, reason):
    """tools/check_skips.py looks for this line."""
    print(f"SKIPPED: {name}: {reason}", flush=True)
    raise unittest.SkipTest(reason)


def known_variables():
    shown = run(os.environ["CAIRN_BINARY"], "serve", "--help", check=True).stdout
    return set(re.findall(r"\[(CAIRN_[A-Z0-9_]+)\]", re.sub(r"\s+", " ", shown)))


class Units(unittest.TestCase):
    """systemd: with any executable in the binary's place."""

    def setUp(self):
        if shutil.which("systemd-analyze") is None:
            skip("deploy_units", "systemd-analyze is not installed")
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="cairn-units."))
        self.addCleanup(shutil.rmtree, self.directory)

    def verify(self, change=lambda text: text, dropin=False):
        unit = self.directory / "cairn.service"
        text = (DEPLOY / "systemd/cairn.service").read_text()
        unit.write_text(change(text.replace("/usr/bin/cairn", os.environ.get("CAIRN_BINARY", "/bin/true"))))
        if dropin:
            folder = self.directory / "cairn.service.d"
            folder.mkdir()
            shutil.copy(DEPLOY / "systemd/cluster.conf", folder)
        result = run("systemd-analyze", "verify", "--man=no", unit)
        # The image that a test runs in may have units of its own that are not right.
        return [line for line in (result.stdout + result.stderr).splitlines() if "cairn" in line]

    def test_unit_is_right(self):
        self.assertEqual(self.verify(), [])

    def test_drop_in_is_right(self):
        self.assertEqual(self.verify(dropin=True), [])

    def test_a_node_waits_for_etcd_and_its_home(self):
        """For as long as it takes: no limit of starts ends it."""
        text = (DEPLOY / "systemd/cluster.conf").read_text()
        unit, service = text.split("\n[Service]\n")
        self.assertIn("\n[Unit]\n", unit)
        self.assertIn("\nStartLimitIntervalSec=0\n", unit)
        self.assertIn("\nRestart=always\n", service)

    def test_a_wrong_unit_is_noticed(self):
        self.assertTrue(self.verify(lambda text: text.replace("ProtectSystem=", "ProtectSytem=")))

    def test_little_is_exposed(self):
        self.verify()
        shown = run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}",
                    self.directory / "cairn.service")
        self.assertEqual(shown.returncode, 0, shown.stdout[-300:] + shown.stderr)

    def test_the_server_may_drain_before_it_is_killed(self):
        text = (DEPLOY / "systemd/cairn.service").read_text()
        self.assertGreater(int(re.search(r"^TimeoutStopSec=(\d+)$", text, re.M).group(1)), 30 + 10)
        for line in ("LimitNOFILE=1048576", "LimitMEMLOCK=infinity", "LimitCORE=0", "DynamicUser=yes"):
            self.assertIn(f"\n{line}\n", text)

    def test_secrets_are_made_once_and_private(self):
        for _ in range(2):
            run(DEPLOY / "make_secrets.sh", self.directory, check=True)
            file = self.directory / "node.env"
            self.assertEqual(file.stat().st_mode & 0o777, 0o600)
            values = dict(line.split("=") for line in file.read_text().splitlines())
            self.assertEqual(set(values), SECRETS)
            self.assertRegex(values["CAIRN_ROOT_KEY_HEX"], r"^[0-9a-f]{64}$")
            first = getattr(self, "first", values)
            self.assertEqual(values, first)
            self.first = values

    def test_certificates_are_valid_for_the_names(self):
        for _ in range(2):
            run(DEPLOY / "make_secrets.sh", self.directory, "*.cairn-nodes.default.svc", "cairn1", check=True)
            shown = run("openssl", "verify", "-CAfile", self.directory / "ca.crt", "-verify_hostname",
                        "cairn-0.cairn-nodes.default.svc", self.directory / "tls.crt")
            self.assertEqual(shown.returncode, 0, shown.stderr)
            wrong = run("openssl", "verify", "-CAfile", self.directory / "ca.crt", "-verify_hostname",
                        "elsewhere", self.directory / "tls.crt")
            self.assertNotEqual(wrong.returncode, 0)
            self.assertEqual((self.directory / "tls.key").stat().st_mode & 0o777, 0o600)
        self.assertFalse((self.directory / "ca.key").exists())


class Settings(unittest.TestCase):
    def test_every_variable_is_a_setting(self):
        known = known_variables() | SECRETS
        self.assertIn("CAIRN_LISTEN", known)
        for path in sorted(DEPLOY.rglob("*")):
            if path.is_dir() or "secrets" in path.parts or path.suffix == ".md":
                continue
            used = set(re.findall(r"\bCAIRN_[A-Z0-9_]*[A-Z0-9]\b", path.read_text()))
            allowed = known | (COMPOSE_ONLY if path.name == "docker-compose.yml" else set())
            self.assertEqual(used - allowed, set(), path)


class Image(unittest.TestCase):
    def setUp(self):
        self.text = (DEPLOY / "docker/Dockerfile").read_text()

    def test_hadolint_finds_nothing(self):
        if not (TOOLS / "bin/hadolint").exists():
            skip("deploy_image", "hadolint is not installed (prepare_clients.sh)")
        found = run(TOOLS / "bin/hadolint", DEPLOY / "docker/Dockerfile")
        self.assertEqual((found.returncode, found.stdout), (0, ""))

    def test_every_library_is_in_the_image(self):
        """What the binary is linked with here, on the same Debian, comes from a package that is installed."""
        installed = set(re.findall(r"^    ([a-z0-9][a-z0-9.+-]+) \\$", self.text, re.M))
        of_the_base = {"libc6", "libstdc++6", "libgcc-s1"}
        needed = re.findall(r"NEEDED.*\[(lib[^\]]+)\]", run("readelf", "-d", os.environ["CAIRN_BINARY"],
                                                          check=True).stdout)
        self.assertGreater(len(needed), 8)
        linked = dict(re.findall(r"(\S+) => (\S+)", run("ldd", os.environ["CAIRN_BINARY"], check=True).stdout))
        for library in needed:
            # Debian's files are found under /usr, whether /lib is a link to there or not.
            path = linked[library]
            owner = run("dpkg", "-S", path).stdout or run("dpkg", "-S", path.removeprefix("/usr")).stdout or \
                run("dpkg", "-S", "/usr" + path).stdout
            package = owner.split(":")[0]
            self.assertIn(package, installed | of_the_base, f"{library} of {package}")
        self.assertIn("librados2", installed)  # Opened, not linked (storage/rados/library.h).

    def test_it_is_not_root_and_watched(self):
        last = self.text.rsplit("\nFROM ", 1)[1]
        self.assertRegex(last, r"\nUSER 10001\n")
        self.assertIn("/readyz", last.split("HEALTHCHECK", 1)[1])
        self.assertIn('ENTRYPOINT ["/usr/bin/cairn"]', last)


class Compose(unittest.TestCase):
    FILE = DEPLOY / "docker-compose.yml"

    @classmethod
    def setUpClass(cls):
        if shutil.which("docker-compose") is None:
            skip("deploy_compose", "docker-compose is not installed")
        import yaml
        cls.directory = tempfile.mkdtemp(prefix="cairn-compose.")
        run(DEPLOY / "make_secrets.sh", cls.directory, check=True)
        shown = run("/usr/bin/docker-compose", "--env-file", f"{cls.directory}/node.env", "-f", cls.FILE,
                    "config")
        if shown.returncode != 0:
            raise AssertionError(shown.stderr)
        cls.services = yaml.safe_load(shown.stdout)["services"]

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.directory)

    def test_it_needs_the_secrets(self):
        bare = run("/usr/bin/docker-compose", "-f", self.FILE, "config", env={"PATH": os.environ["PATH"]})
        self.assertNotEqual(bare.returncode, 0)
        self.assertIn("make_secrets.sh", bare.stderr)

    def test_the_schema_holds(self):
        if not (TOOLS / "bin/check-jsonschema").exists():
            skip("deploy_compose", "check-jsonschema is not installed (prepare_clients.sh)")
        found = run(TOOLS / "bin/check-jsonschema", "--builtin-schema", "vendor.compose-spec", self.FILE)
        self.assertEqual(found.returncode, 0, found.stdout)

    def test_nodes_differ_in_their_names_only(self):
        nodes = [self.services[f"cairn{number}"]["environment"] for number in (1, 2, 3)]
        self.assertEqual(len({node.pop("CAIRN_NODE_NAME") for node in nodes}), 3)
        self.assertEqual(nodes[0], nodes[1])
        self.assertEqual(nodes[0], nodes[2])
        for member in (1, 2, 3):
            self.assertIn(f"etcd{member}:2379", nodes[0]["CAIRN_JOIN"])
            self.assertIn(f"etcd{member}", self.services["cairn1"]["depends_on"])


class Chart(unittest.TestCase):
    EVERYTHING = ("home.kind=rados", "peers.enabled=false", "serviceMonitor.enabled=true",
                  "etcd.tlsSecretName=etcd-tls", "etcd.user=cairn", "etcd.passwordSecretName=etcd-user",
                  "tlsSecretName=s3-tls", "zone=a", "extraEnv.CAIRN_LOG_LEVEL=debug", "podLabels.team=a",
                  "podAnnotations.note=b", "nodeSelector.disk=nvme", "serviceMonitor.labels.release=p")
    LEAST = ("peers.enabled=false", "serviceAccount.create=false", "spreadOverHosts=false",
             "state.storageClassName=", "cache.storageClassName=")

    @classmethod
    def setUpClass(cls):
        cls.helm = ROOT / "build/clients/helm/helm"
        if not cls.helm.exists() or not (TOOLS / "bin/kubernetes-validate").exists():
            skip("deploy_chart", "helm and kubernetes-validate are not installed (prepare_clients.sh)")
        # Neither settings nor plugins of the user, and nothing to reach.
        cls.home = tempfile.mkdtemp(prefix="cairn-helm.")
        cls.env = {"PATH": os.environ["PATH"], "HOME": cls.home}

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.home)

    def template(self, *settings):
        flags = [word for setting in settings for word in ("--set-string" if "extraEnv" in setting else "--set",
                                                            setting)]
        return run(self.helm, "template", "demo", CHART, "--namespace", "store", *flags, env=self.env)

    def objects(self, *settings):
        import yaml
        shown = self.template(*settings)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(shown.stdout) if one}

    def test_lint(self):
        shown = run(self.helm, "lint", "--strict", CHART, env=self.env)
        self.assertEqual(shown.returncode, 0, shown.stdout)

    def test_kubernetes_takes_it(self):
        for settings in ((), self.EVERYTHING, self.LEAST, ("home.kind=rados",)):
            rendered = os.path.join(self.home, "rendered.yaml")
            shown = self.template(*settings)
            self.assertEqual(shown.returncode, 0, shown.stderr)
            pathlib.Path(rendered).write_text(shown.stdout)
            for version in KUBERNETES:
                found = run(TOOLS / "bin/kubernetes-validate", "--strict", "-k", version, rendered)
                self.assertEqual(found.returncode, 0, f"{settings} {version}: {found.stdout}{found.stderr}")
                self.assertIn("statefulset/demo-cairn", found.stdout + found.stderr)

    def test_wrong_values_are_refused(self):
        for wrong in ("replicas=0", "memory.tier=8Gi", "home.kind=nfs", "etcd.endpoints={http://a:2379}",
                      "replica=3", "root.secretName=", "podDisruptionBudget.maxUnavailable=0"):
            shown = self.template(wrong)
            self.assertNotEqual(shown.returncode, 0, wrong)
            self.assertIn("schema", shown.stderr, wrong)
        self.assertIn("passwordSecretName", self.template("etcd.user=cairn").stderr)

    def test_nodes_are_told_who_they_are(self):
        objects = self.objects()
        self.assertIn(("Service", "demo-cairn-nodes"), objects)
        self.assertEqual(objects["Service", "demo-cairn-nodes"]["spec"]["clusterIP"], "None")
        nodes = objects["StatefulSet", "demo-cairn"]["spec"]
        self.assertEqual(nodes["serviceName"], "demo-cairn-nodes")
        container = nodes["template"]["spec"]["containers"][0]
        env = {one["name"]: one.get("value") for one in container["env"]}
        self.assertEqual(env["CAIRN_ADVERTISE"], "$(POD_NAME).demo-cairn-nodes.store.svc:9002")
        self.assertEqual(env["CAIRN_JOIN"],
                         "etcd://etcd-0.etcd:2379,etcd-1.etcd:2379,etcd-2.etcd:2379/cairn")
        # Kubernetes expands $(NAME) only of what was defined before.
        self.assertEqual(container["env"][0]["name"], "POD_NAME")
        mounted = {one["name"] for one in container["volumeMounts"]}
        claimed = {one["metadata"]["name"] for one in nodes["volumeClaimTemplates"]}
        given = {one["name"] for one in nodes["template"]["spec"]["volumes"]}
        self.assertEqual(mounted, claimed | given)

    def test_a_pod_drains_before_it_is_killed(self):
        pod = self.objects()["StatefulSet", "demo-cairn"]["spec"]["template"]["spec"]
        container = pod["containers"][0]
        env = {one["name"]: one.get("value") for one in container["env"]}
        pause = int(re.search(r"sleep (\d+)", container["lifecycle"]["preStop"]["exec"]["command"][2]).group(1))
        self.assertGreater(pod["terminationGracePeriodSeconds"], pause + int(env["CAIRN_DRAIN_SECONDS"]))

    def test_secrets_come_from_secrets(self):
        for settings in ((), self.EVERYTHING):
            objects = self.objects(*settings)
            self.assertFalse([kind for kind, _ in objects if kind == "Secret"])
            env = objects["StatefulSet", "demo-cairn"]["spec"]["template"]["spec"]["containers"][0]["env"]
            for one in env:
                if one["name"].endswith(("SECRET_KEY", "ACCESS_KEY", "KEY_HEX")):
                    self.assertIn("secretKeyRef", one["valueFrom"], one["name"])

    def test_monitoring_finds_the_pods(self):
        objects = self.objects(*self.EVERYTHING)
        monitor = objects["ServiceMonitor", "demo-cairn"]["spec"]
        service = objects["Service", "demo-cairn-nodes"]
        wanted = monitor["selector"]["matchLabels"]
        self.assertEqual({key: service["metadata"]["labels"].get(key) for key in wanted}, wanted)
        self.assertIn(monitor["endpoints"][0]["port"], [port["name"] for port in service["spec"]["ports"]])


if __name__ == "__main__":
    sys.exit(unittest.main())
