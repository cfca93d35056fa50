#!/usr/bin/env python3
"""The bill of materials of a package, in CycloneDX 1.6, to standard output.

    sbom.py BUILD_DIR BINARY ENGINE VERSION SECONDS

What went into the binary is read from the build itself: each Debian package that owns a header which
one of the linked objects was compiled with, or a library that the binary or the engine loads. The
engine is its source package with the hash that third_party/ pins. A header or a library that no
package owns ends it with an error: nothing is in the product that nobody answers for.

  BINARY, ENGINE   as they are packed; their SHA-256 are in the bill
  SECONDS          the time of the bill, since 1970: the same tree gives the same bytes
"""

import datetime
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[1]
DISTRO = "debian-12"
NAMESPACE = uuid.UUID("6f2b1c55-6f53-5d0b-9a57-3f6f4f2f6a11")


def lines_of(*command: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"sbom: {' '.join(command[:3])} failed: {done.stderr.strip()[:500]}")
    return done.stdout.splitlines()


def headers_of(build: pathlib.Path, target: str) -> set[str]:
    """Files outside the tree that the objects of `target` were compiled with."""
    inputs = lines_of("ninja", "-C", str(build), "-t", "inputs", target)
    objects = [name for name in inputs if name.endswith((".o", ".pch"))]
    if not objects:
        sys.exit(f"sbom: {target} has no objects in {build}")
    found = {
        line.strip()
        for line in lines_of("ninja", "-C", str(build), "-t", "deps", *objects)
        if line.startswith(" ")
    }
    return {name for name in found if name.startswith("/") and not under(name, ROOT)}


def under(name: str, folder: pathlib.Path) -> bool:
    return pathlib.Path(name).is_relative_to(folder)


def libraries_of(program: str) -> set[str]:
    """What the loader finds for `program`."""
    return {
        match.group(1)
        for line in lines_of("ldd", program)
        if (match := re.search(r"(/\S+) \(0x", line))
    }


def owners_of(files: set[str]) -> dict[str, str]:
    """The Debian package of each file."""
    real = {name: str(pathlib.Path(name).resolve()) for name in files}
    # What dpkg has on file may be from before /lib became a link to /usr/lib.
    asked = sorted({way for name in real.values() for way in (name, name.removeprefix("/usr"))})
    done = subprocess.run(["dpkg", "-S", *asked], capture_output=True, text=True, check=False)
    owner = {}
    for line in done.stdout.splitlines():
        packages, _, path = line.partition(": ")
        if not packages.startswith("diversion"):
            owner[path] = packages.split(", ")[0].split(":")[0]
    found = {}
    for name, path in real.items():
        package = owner.get(path) or owner.get(path.removeprefix("/usr"))
        if package is None:
            sys.exit(f"sbom: {name} went into the program and no Debian package owns it")
        found[name] = package
    return found


def licences_of(package: str) -> list[str]:
    """The short names in the package's copyright file, where it is one that programs can read."""
    path = pathlib.Path(f"/usr/share/doc/{package}/copyright")
    text = path.read_text(errors="replace") if path.exists() else ""
    if not text.startswith("Format:"):
        return []
    return sorted(set(re.findall(r"^License:[ \t]*(\S.*?)[ \t]*$", text, re.MULTILINE)))


def debian_component(package: str, how: set[str]) -> dict:
    shown = lines_of(
        "dpkg-query", "-W", "-f", "${Version}\t${Architecture}\t${source:Package}\n", package
    )
    version, architecture, source = shown[0].split("\t")
    purl = f"pkg:deb/debian/{package}@{version.replace(':', '%3A').replace('+', '%2B')}"
    component = {
        "type": "library",
        "bom-ref": f"deb/{package}",
        "name": package,
        "version": version,
        "purl": f"{purl}?arch={architecture}&distro={DISTRO}",
        "properties": [
            {"name": "holdfast:source", "value": source},
            *({"name": "holdfast:used", "value": one} for one in sorted(how)),
        ],
    }
    licences = licences_of(package)
    if licences:
        component["licenses"] = [{"license": {"name": name}} for name in licences]
    return component


def engine_component(engine: str) -> dict:
    """The local engine, from the pin of its source."""
    text = (ROOT / "third_party/engine.requirements.txt").read_text()
    pin = re.search(r"^(\S+)==(\S+).*?sha256:(\w{64})", text, re.MULTILINE | re.DOTALL)
    if pin is None:
        sys.exit("sbom: third_party/engine.requirements.txt pins nothing")
    name, version, digest = pin.groups()
    return {
        "type": "application",
        "bom-ref": "llama-server",
        "name": "llama-server",
        "version": version,
        "description": f"built from the source package {name} {version}",
        "hashes": [{"alg": "SHA-256", "content": sha256(engine)}],
        "licenses": [{"license": {"id": "MIT"}}],
        "purl": f"pkg:pypi/{name}@{version}?checksum=sha256:{digest}",
    }


def sha256(path: str) -> str:
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def bill(build: str, binary: str, engine: str, version: str, seconds: int) -> dict:
    how: dict[str, set[str]] = {}  # by package
    needs: dict[str, set[str]] = {"holdfast": {"llama-server"}, "llama-server": set()}
    headers = headers_of(pathlib.Path(build), "holdfast")
    loaded = {"holdfast": libraries_of(binary), "llama-server": libraries_of(engine)}
    owners = owners_of(headers.union(*loaded.values()))
    for name in headers:
        how.setdefault(owners[name], set()).add("compiled in")
        needs["holdfast"].add(f"deb/{owners[name]}")
    for program, libraries in loaded.items():
        for name in libraries:
            how.setdefault(owners[name], set()).add(f"loaded by {program}")
            needs[program].add(f"deb/{owners[name]}")
    when = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    out = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application",
                "bom-ref": "holdfast",
                "name": "holdfast",
                "version": version,
                "hashes": [{"alg": "SHA-256", "content": sha256(binary)}],
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            },
        },
        "components": [
            engine_component(engine),
            *(debian_component(package, how[package]) for package in sorted(how)),
        ],
        "dependencies": [{"ref": ref, "dependsOn": sorted(on)} for ref, on in needs.items()],
    }
    serial = uuid.uuid5(NAMESPACE, json.dumps(out, sort_keys=True))
    return {**out, "serialNumber": f"urn:uuid:{serial}"}


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    json.dump(bill(*sys.argv[1:5], int(sys.argv[5])), sys.stdout, indent=1)
    sys.stdout.write("\n")
