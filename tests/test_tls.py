"""``cenote scheduler`` over TLS: stock clients, workers and nannies with the certificates of Dask's ``Security``."""

import contextlib
import http.client
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.request

import pytest

pytest.importorskip("distributed")

from distributed import Client
from distributed.comm import CommClosedError
from distributed.security import Security

from refusal import see_refused
from test_cli import QUIET, run, scheduler

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made with openssl")
CLOSED = (OSError, TimeoutError, CommClosedError)


def openssl(*words, folder):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def authority(folder, name):
    words = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
    # Python 3.13 takes no authority that does not say what its key is for. One of them is a member as well.
    words += ["-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,digitalSignature"]
    openssl("req", *words, "-keyout", f"{name}.key", "-out", f"{name}.pem", folder=folder)


def certificate(folder, name, ca, *, version=3, days=30):
    words = ["-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr"]
    openssl("req", *words, folder=folder)
    signed = ["-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial", "-days", str(days)]
    if version == 3:
        (folder / "v3.cnf").write_text(
            "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nauthorityKeyIdentifier=keyid\n"
        )
        signed += ["-extfile", "v3.cnf"]
    openssl("x509", "-req", "-in", f"{name}.csr", *signed, "-out", f"{name}.pem", folder=folder)


@pytest.fixture(scope="module")
def pems(tmp_path_factory):
    """A folder with two authorities, what they have signed, and a certificate that nobody else has signed."""
    folder = tmp_path_factory.mktemp("pems")
    for name in ("ca", "foreign", "alone"):
        authority(folder, name)
    certificate(folder, "third", "ca")
    certificate(folder, "first", "ca", version=1)
    certificate(folder, "stranger", "foreign")
    certificate(folder, "expired", "ca", days=-1)
    return folder


def security(pems, name="third", ca="ca", require_encryption=True, **more):
    files = {"cert": str(pems / f"{name}.pem"), "key": str(pems / f"{name}.key")}
    roles = {f"tls_{role}_{part}": file for role in ("client", "worker") for part, file in files.items()}
    return Security(tls_ca_file=str(pems / f"{ca}.pem"), require_encryption=require_encryption, **roles, **more)


def flags(pems, name="third", ca="ca"):
    return [
        *("--tls-ca-file", str(pems / f"{ca}.pem")),
        *("--tls-cert", str(pems / f"{name}.pem"), "--tls-key", str(pems / f"{name}.key")),
    ]


@contextlib.contextmanager
def worker(address, *words, environment=None):
    command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1"]
    process = subprocess.Popen(
        [*command, "--dashboard-address", ":0", *words], env={**QUIET, **(environment or {})}, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def lines(log, word):
    return [line for line in log.read_text().splitlines() if word in line]


def wait_for(log, word, count=1):
    deadline = time.monotonic() + 20
    while len(lines(log, word)) < count:
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


@pytest.mark.parametrize("name", ["third", "first"])
def test_stock_client_nanny_and_workers_work_over_tls(tmp_path, pems, name):
    with scheduler(tmp_path, "--host", "127.0.0.1", "--protocol", "tls", *flags(pems, name)) as (_, identity, log):
        address = identity["address"]
        assert address.startswith("tls://127.0.0.1:")
        with (
            worker(address, "--nworkers", "2", "--nanny", *flags(pems, name)),
            Client(address, security=security(pems, name), timeout=30) as client,
        ):
            client.wait_for_workers(2, timeout=60)
            assert sum(client.gather(client.map(abs, range(-20, 0)))) == 210
            large = client.scatter(b"x" * 3_000_000, direct=False)
            assert len(client.submit(bytes.upper, large).result()) == 3_000_000
            assert all(client.run(os.getpid).values())
            assert client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.workers)) == 2
            client.restart(timeout=60)
            assert client.submit(sum, [1, 2]).result() == 3
        assert not lines(log, "is not let in")


def test_with_certificates_all_interfaces_are_open_to_those_who_have_one(tmp_path, pems):
    with scheduler(tmp_path, *flags(pems)) as (_, identity, log):
        assert identity["address"].startswith("tls://")
        wait_for(log, "it listens on all interfaces")
        assert lines(log, "whoever has a certificate of our authority is let in")


def test_dasks_configuration_configures_it(tmp_path, pems):
    environment = {
        "DASK_DISTRIBUTED__COMM__DEFAULT_SCHEME": "tls",
        "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true",
        "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": str(pems / "ca.pem"),
        "DASK_DISTRIBUTED__COMM__TLS__MIN_VERSION": "1.2",
        "DASK_DISTRIBUTED__COMM__TLS__MAX_VERSION": "1.2",
        "DASK_DISTRIBUTED__COMM__TLS__CIPHERS": "ECDHE-RSA-AES128-GCM-SHA256",
    }
    for role in ("SCHEDULER", "WORKER"):
        environment[f"DASK_DISTRIBUTED__COMM__TLS__{role}__CERT"] = str(pems / "first.pem")
        environment[f"DASK_DISTRIBUTED__COMM__TLS__{role}__KEY"] = str(pems / "first.key")
    with scheduler(tmp_path, "--host", "127.0.0.1", environment=environment) as (_, identity, log):
        address = identity["address"]
        assert address.startswith("tls://")
        with (
            worker(address, "--no-nanny", environment=environment),
            Client(address, security=security(pems), timeout=30) as client,
        ):
            assert client.submit(sum, [1, 2]).result(timeout=60) == 3
            assert all(client.run(os.getpid).values())
            assert client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.workers)) == 1
        newer = security(pems, tls_min_version=ssl.TLSVersion.TLSv1_3)
        see_refused(address, CLOSED, security=newer, timeout=1)
        wait_for(log, "no version or cipher in common")


@pytest.mark.parametrize(
    ("name", "ca", "why"),
    [
        (None, "ca", "it has shown no certificate"),
        ("stranger", "ca", "not signed by an authority of ca-file"),
        ("expired", "ca", "its certificate cannot be used"),
        ("alone", "ca", "its certificate"),
        ("third", "foreign", "it refuses"),
    ],
)
def test_who_is_no_member_is_refused_with_one_line(tmp_path, pems, name, ca, why):
    with scheduler(tmp_path, "--host", "127.0.0.1", *flags(pems)) as (_, identity, log):
        context = ssl.create_default_context(cafile=str(pems / f"{ca}.pem"))
        context.check_hostname = False
        if name:
            context.load_cert_chain(pems / f"{name}.pem", pems / f"{name}.key")
        port = int(identity["address"].rsplit(":", 1)[1])
        with pytest.raises(OSError), socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
            with context.wrap_socket(plain) as encrypted:
                assert encrypted.recv(1) == b"", "nothing is said to it"
                raise ConnectionResetError
        wait_for(log, why)
        assert len(lines(log, "is not let in")) == 1
        with Client(identity["address"], security=security(pems), timeout=30) as client:
            assert client.scheduler_info()["type"] == "Scheduler"


def test_who_speaks_plainly_to_the_encrypted_port_is_told_apart(tmp_path, pems):
    with scheduler(tmp_path, "--host", "127.0.0.1", *flags(pems)) as (_, identity, log):
        see_refused(identity["address"].replace("tls://", "tcp://"), CLOSED, timeout=1)
        wait_for(log, "it does not speak TLS; peers need an address that begins with tls://")


def test_a_cluster_may_share_one_certificate_that_is_its_own_authority(tmp_path, pems):
    with scheduler(tmp_path, "--host", "127.0.0.1", *flags(pems, "alone", "alone")) as (_, identity, _):
        with Client(identity["address"], security=security(pems, "alone", "alone"), timeout=30) as client:
            assert client.scheduler_info()["address"] == identity["address"]


def test_plain_and_encrypted_ports_serve_at_once(tmp_path, pems):
    words = ["--host", "127.0.0.1", "--protocol", "tcp,tls", "--port", "0,0", *flags(pems)]
    environment = {"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "false"}
    with scheduler(tmp_path, *words, environment=environment) as (_, identity, log):
        assert identity["address"].startswith("tcp://")
        wait_for(log, "  Scheduler at:", 2)
        (encrypted,) = (line.split()[-1] for line in lines(log, "  Scheduler at:") if "tls://" in line)
        with (
            worker(encrypted, "--no-nanny", *flags(pems)),
            Client(identity["address"], security=security(pems, require_encryption=False), timeout=30) as client,
        ):
            client.wait_for_workers(1, timeout=60)
            assert list(client.run(os.getpid)) == list(client.scheduler_info()["workers"])


def test_a_thousand_who_never_finish_their_handshake_are_closed_in_time(tmp_path, pems):
    environment = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "3s"}
    with scheduler(tmp_path, "--host", "127.0.0.1", *flags(pems), environment=environment) as (_, identity, _):
        port = int(identity["address"].rsplit(":", 1)[1])
        hello = bytes.fromhex("16030100c8010000c40303") + bytes(20)
        silent = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(1000)]
        for number, peer in enumerate(silent):
            peer.sendall([hello, hello[:3], os.urandom(50)][number % 3])
        began = time.monotonic()
        with Client(identity["address"], security=security(pems), timeout=30) as client:
            assert client.scheduler_info()["type"] == "Scheduler"
        assert time.monotonic() - began < 3
        for peer in silent:
            with contextlib.suppress(ConnectionResetError):
                while peer.recv(1000):
                    pass
            peer.close()
        assert time.monotonic() - began < 15


def test_files_that_cannot_be_used_are_named(pems):
    code, said = run("--tls-ca-file", str(pems / "ca.pem"), "--tls-cert", str(pems / "third.pem"))
    assert (code, "third.pem: there is no private key" in said) == (1, True)
    code, said = run(*flags(pems)[:-1], str(pems / "first.key"))
    assert (code, "is not the certificate of the key" in said) == (1, True)
    code, said = run(*flags(pems)[:-1], str(pems / "no.key"))
    assert (code, f"--tls-key {pems / 'no.key'}" in said) == (2, True)
    code, said = run(*flags(pems), environment={"DASK_DISTRIBUTED__COMM__TLS__CIPHERS": "AES128-SHA"})
    assert (code, "distributed.comm.tls.ciphers" in said) == (1, True)
    code, said = run("--protocol", "tcp", environment={"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true"})
    assert (code, "distributed.comm.require-encryption" in said) == (2, True)


def test_pages_are_encrypted_where_a_certificate_is_configured(tmp_path, pems):
    below = "DASK_DISTRIBUTED__SCHEDULER__DASHBOARD__TLS__"
    environment = {f"{below}CERT": str(pems / "third.pem"), f"{below}KEY": str(pems / "third.key")}
    with scheduler(tmp_path, "--host", "127.0.0.1", environment=environment) as (_, identity, log):
        wait_for(log, "dashboard at: https://127.0.0.1:")
        context = ssl.create_default_context(cafile=str(pems / "ca.pem"))
        context.check_hostname = False
        place = f"127.0.0.1:{identity['services']['dashboard']}"
        with urllib.request.urlopen(f"https://{place}/health", timeout=10, context=context) as answer:
            assert answer.read() == b"ok"
        with pytest.raises((OSError, http.client.HTTPException)):
            urllib.request.urlopen(f"http://{place}/health", timeout=10)
    environment[f"{below}CA_FILE"] = str(pems / "foreign.pem")
    (tmp_path / "again").mkdir()
    with scheduler(tmp_path / "again", "--host", "127.0.0.1", environment=environment) as (_, identity, log):
        place = f"127.0.0.1:{identity['services']['dashboard']}"
        shown = subprocess.run(
            ["openssl", "s_client", "-connect", place, "-showcerts"],
            input="",
            capture_output=True,
            text=True,
            timeout=20,
        ).stdout
        assert shown.count("BEGIN CERTIFICATE") == 2, "the authority's is shown with the scheduler's"
    code, said = run(environment={**environment, f"{below}CA_FILE": str(pems / "no.pem")})
    assert code != 0 and "distributed.scheduler.dashboard.tls.ca-file" in said
    code, said = run(environment={f"{below}CERT": str(pems / "third.pem")})
    assert (code, "distributed.scheduler.dashboard.tls.cert" in said) == (1, True)
