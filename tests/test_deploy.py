"""The files of ``deploy/``: they fit the schemas of those who read them, and name what there is.

The image itself is made and tried by ``make image``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent / "image"))

from dockerfile import instructions, last_stage

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
if not DEPLOY.exists():
    pytest.skip("deploy/ stands in the repository", allow_module_level=True)

IMAGE = DEPLOY / "image"
KUBERNETES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
CLUSTER = DEPLOY / "dask-kubernetes" / "cluster.yaml"
UNIT = DEPLOY / "systemd" / "cenote-scheduler.service"
VERSIONS = ("1.31", "1.37")


def documents(path):
    return list(yaml.safe_load_all(path.read_text()))


def containers(document):
    """The containers of whatever has some."""
    spec = document["spec"]
    if document["kind"] == "Deployment":
        return spec["template"]["spec"]["containers"]
    if document["kind"] == "DaskCluster":
        return [*spec["scheduler"]["spec"]["containers"], *spec["worker"]["spec"]["containers"]]
    return []


def strict(schema):
    """A schema of a custom resource, for which a field that it does not name is an error, not nothing."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: strict(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    return made


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.name)
@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_fit_the_schemas_of_kubernetes(path, version):
    validate = pytest.importorskip("kubernetes_validate").validate
    for document in documents(path):
        validate(document, version, strict=True)


def test_a_manifest_with_a_mistake_does_not_fit():
    check = pytest.importorskip("kubernetes_validate")
    [deployment, _] = documents(DEPLOY / "kubernetes" / "scheduler.yaml")
    containers(deployment)[0]["livenessProbe"]["httpget"] = {}
    with pytest.raises(check.ValidationError):
        check.validate(deployment, VERSIONS[0], strict=True)


def test_the_service_leads_to_the_scheduler_and_the_workers_to_the_service():
    deployment, service = documents(DEPLOY / "kubernetes" / "scheduler.yaml")
    [workers] = documents(DEPLOY / "kubernetes" / "workers.yaml")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    [policy] = documents(DEPLOY / "kubernetes" / "network-policy.yaml")
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    address = f"tcp://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    assert address in containers(workers)[0]["args"]


@pytest.mark.parametrize("path", [*KUBERNETES, CLUSTER], ids=lambda path: path.name)
def test_probes_and_services_name_ports_that_are_there(path):
    for document in documents(path):
        for container in containers(document):
            ports = {port["name"]: port["containerPort"] for port in container["ports"]}
            probes = [value["httpGet"] for name, value in container.items() if name.endswith("Probe")]
            assert all(probe == {"path": "/health", "port": "http-dashboard"} for probe in probes)
            if container["name"] == "scheduler":
                assert ports == {"tcp-comm": 8786, "http-dashboard": 8787} and probes


@pytest.fixture(scope="module")
def custom_resource():
    """The schema of a DaskCluster, as the operator brings it."""
    folder = Path(sys.prefix, "definitions", "dask_kubernetes")
    if not folder.is_dir():
        pytest.skip(
            f"the definition of DaskCluster is in the package dask-kubernetes, which `make venv` puts into {folder}"
        )
    [path] = folder.glob("operator/deployment/helm/*/crds/daskcluster.yaml")
    [version] = documents(path)[0]["spec"]["versions"]
    schema = strict(version["schema"]["openAPIV3Schema"])
    for name in ("apiVersion", "kind", "metadata"):
        schema["properties"].setdefault(name, {})
    return schema


def test_the_cluster_of_the_operator_fits_its_definition(custom_resource):
    jsonschema = pytest.importorskip("jsonschema")
    [cluster] = documents(CLUSTER)
    jsonschema.validate(cluster, custom_resource)
    cluster["spec"]["scheduler"]["spec"]["container"] = []
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(cluster, custom_resource)


def test_what_the_operator_makes_of_the_cluster_fits_the_schemas_of_kubernetes():
    validate = pytest.importorskip("kubernetes_validate").validate
    [cluster] = documents(CLUSTER)
    scheduler, worker = cluster["spec"]["scheduler"], cluster["spec"]["worker"]
    name = cluster["metadata"]["name"]
    labels = {"dask.org/cluster-name": name, "dask.org/component": "scheduler"}
    assert scheduler["service"]["selector"] == labels
    assert {port["name"] for port in scheduler["service"]["ports"]} == {"tcp-comm", "http-dashboard"}
    metadata = {"name": f"{name}-scheduler", "labels": labels}
    for version in VERSIONS:
        for spec in (scheduler["spec"], worker["spec"]):
            validate({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}, version, strict=True)
        service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": scheduler["service"]}
        validate(service, version, strict=True)


def test_the_compose_file_fits_the_specification():
    compose = pytest.importorskip("compose_spec").PyCompose
    # What stands for a variable of the environment is put in before anything is read.
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (DEPLOY / "compose.yaml").read_text())
    composed = compose.from_yaml(text)
    composed.validate()
    assert composed.service_names() == ["scheduler", "worker"]
    with pytest.raises(ValueError, match="replica"):
        compose.from_yaml(text.replace("replicas: 2", "replicas: two"))


def test_the_compose_file_gives_the_image_arguments_that_it_takes():
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    build = services["scheduler"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == IMAGE / "Dockerfile"
    taken = {rest.partition("=")[0] for name, rest in instructions((IMAGE / "Dockerfile").read_text()) if name == "ARG"}
    assert build["args"].keys() <= taken
    assert all(port.startswith("127.0.0.1:") for port in services["scheduler"]["ports"])


def test_the_image_copies_what_there_is_and_does_not_run_as_root():
    steps = last_stage((IMAGE / "Dockerfile").read_text())
    sources = [word for name, rest in steps if name == "COPY" and "--from" not in rest for word in rest.split()[:-1]]
    assert sources and all((DEPLOY.parent / source).exists() for source in sources)
    assert [rest for name, rest in steps if name == "USER"][-1] == "1000:0"
    for script in IMAGE.glob("*.sh"):
        subprocess.run(["sh", "-n", str(script)], check=True)


def prepare(folder, *command, programs=("apt-get", "conda", "mamba", "python"), **environment):
    """Run the entry point of the image with programs that write down how they were called."""
    for program in (*programs, "id"):
        path = folder / program
        said = "echo ${FAKE_UID:-1000}" if program == "id" else f'echo {program} "$@" >>{folder}/calls'
        path.write_text(f"#!/bin/sh\n{said}\n")
        path.chmod(0o755)
    env = {"PATH": f"{folder}:/usr/bin:/bin", **environment}
    words = ["sh", str(IMAGE / "prepare.sh"), *command]
    ran = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False)
    calls = folder / "calls"
    return ran, calls.read_text().splitlines() if calls.exists() else []


def test_the_entry_point_installs_what_the_environment_asks_for(tmp_path):
    asked = {"EXTRA_CONDA_PACKAGES": "-c dask/label/dev zlib", "EXTRA_PIP_PACKAGES": "pandas>=2 pyarrow"}
    ran, calls = prepare(tmp_path, "echo", "a b", "c", **asked)
    assert (ran.returncode, ran.stdout) == (0, "a b c\n")
    assert calls == [
        "conda install --yes -c dask/label/dev zlib",
        "python -m pip install --no-cache-dir --disable-pip-version-check pandas>=2 pyarrow",
    ]


def test_the_entry_point_takes_mamba_when_told_to(tmp_path):
    _, calls = prepare(tmp_path, "true", EXTRA_CONDA_PACKAGES="zlib", USE_MAMBA="true")
    assert calls == ["mamba install --yes zlib"]


def test_the_entry_point_says_what_it_cannot_install(tmp_path):
    ran, calls = prepare(tmp_path, "true", EXTRA_APT_PACKAGES="graphviz")
    assert (ran.returncode, calls) == (1, []) and "needs root" in ran.stderr
    (tmp_path / "bare").mkdir()
    ran, _ = prepare(tmp_path / "bare", "true", programs=(), EXTRA_CONDA_PACKAGES="zlib")
    assert ran.returncode == 1 and "there is no conda in this image" in ran.stderr


def test_the_entry_point_without_anything_to_do_is_the_command(tmp_path):
    ran, calls = prepare(tmp_path, "sh", "-c", "exit 7")
    assert (ran.returncode, calls) == (7, [])


@pytest.fixture
def units(tmp_path):
    """The unit and what is dropped in, with a program that is there."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is in Debian's package systemd")

    def place(*drop_ins):
        unit = tmp_path / UNIT.name
        unit.write_text(UNIT.read_text().replace("/opt/cenote/bin/cenote", sys.executable))
        folder = tmp_path / f"{UNIT.name}.d"
        folder.mkdir(exist_ok=True)
        for name in drop_ins:
            text = (UNIT.parent / name).read_text().replace("/opt/cenote/bin/cenote", sys.executable)
            (folder / name).write_text(text)
        return unit

    return place


def analyze(*words):
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("drop_ins", [(), ("token.conf",), ("certificates.conf",)], ids=str)
def test_the_unit_is_understood_by_systemd(units, drop_ins):
    ran = analyze("verify", "--recursive-errors=no", "--man=no", str(units(*drop_ins)))
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")


def test_the_unit_is_hardened(units):
    ran = analyze("security", "--offline=yes", "--threshold=20", str(units()))
    assert ran.returncode == 0, ran.stdout + ran.stderr


def flags(words):
    return {word for word in words if word.startswith("--")}


def test_the_flags_of_all_of_them_are_the_schedulers():
    shown = subprocess.run(
        [sys.executable, "-m", "cenote", "scheduler", "--help"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    used = [json.loads(rest) for name, rest in last_stage((IMAGE / "Dockerfile").read_text()) if name == "CMD"]
    for path in [*KUBERNETES, CLUSTER]:
        used += [one["args"] for document in documents(path) for one in containers(document)]
    units = [UNIT, *UNIT.parent.glob("*.conf")]
    used += [
        line.replace("\\\n", "").partition("=")[2].split() for path in units for line in lines_of(path, "ExecStart=/")
    ]
    used = [words for words in used if "scheduler" in words and Path(words[0]).name == "cenote"]
    assert len(used) == 5
    unknown = {flag for words in used for flag in flags(words) if flag not in shown}
    assert not unknown


def lines_of(path, start):
    """The lines of a unit that begin so, with those that continue them."""
    return [line for line in path.read_text().replace("\\\n", " ").splitlines() if line.startswith(start)]


@pytest.mark.timeout(180)
def test_a_job_of_slurm_runs_a_program_on_a_scheduler_and_workers_of_its_own(tmp_path):
    pytest.importorskip("distributed")
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name, text in {
        "srun": 'shift; exec "$@"',
        "cenote": f'exec "{sys.executable}" -m cenote "$@"',
        "dask": f'exec "{sys.executable}" -m dask "$@"',
    }.items():
        (bin_folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (bin_folder / name).chmod(0o755)
    program = """if True:
        import os
        from distributed import Client
        with Client(scheduler_file=os.environ["DASK_SCHEDULER_FILE"]) as client:
            print(client.submit(sum, [1, 2, 3]).result())
            client.shutdown()
    """
    env = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}", "SLURM_JOB_ID": "1", "SLURM_CPUS_PER_TASK": "1"}
    words = ["bash", str(DEPLOY / "slurm" / "cluster.sbatch"), sys.executable, "-c", program]
    ran = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=150, check=False)
    assert (ran.returncode, ran.stdout) == (0, "6\n"), ran.stderr
