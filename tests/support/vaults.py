"""`holdfast vault` in a folder of a test's own."""

import os
import pathlib
import subprocess

from .processes import BINARY, clean_environment


class Vault:
    """A state directory with a vault, opened by a key file; or by `passphrase`."""

    def __init__(self, folder, passphrase: str | None = None, make=True):
        self.folder = pathlib.Path(folder)
        self.state = self.folder / "state"
        self.key_file = self.folder / "vault.key"
        self.environment = {"HOLDFAST_VAULT_KEY_FILE": str(self.key_file)}
        self.opener = ["--key-file", str(self.key_file)]
        if passphrase:
            words = self.folder / "vault.passphrase"
            words.write_text(passphrase + "\n")
            words.chmod(0o600)
            self.environment = {"HOLDFAST_VAULT_PASSPHRASE_FILE": str(words)}
            self.opener = ["--passphrase-file", str(words)]
        if make:
            self.run("init", *self.opener)

    def command(self, verb: str, *arguments) -> list[str]:
        return [str(BINARY), "vault", verb, "--state", str(self.state), *map(str, arguments)]

    def ask(self, verb: str, *arguments, stdin="", env=None):
        """The finished process, whatever came of it."""
        return subprocess.run(
            self.command(verb, *arguments),
            input=stdin,
            capture_output=True,
            text=True,
            env=clean_environment(self.environment if env is None else env),
            timeout=60,
        )

    def run(self, verb: str, *arguments, stdin="") -> str:
        done = self.ask(verb, *arguments, stdin=stdin)
        assert done.returncode == 0, (verb, done.stdout, done.stderr)
        return done.stdout

    def put(self, path: str, secret: str, *arguments) -> str:
        return self.run("put", path, *arguments, stdin=secret + "\n")

    def bytes_on_disk(self) -> bytes:
        """Of every file in the folder but the operator's secret."""
        found = [path for path in self.folder.rglob("*") if path.is_file()]
        opener = self.opener[1]
        return b"".join(path.read_bytes() for path in found if os.fspath(path) != opener)
