"""The token services of Google, Azure and AWS as one process on port 0: each checks what it gets
and refuses, as the real one does, whatever is wrong.

    python fake_tokens.py [--port 0] [--life 3600] [--public-key PEM] [--deny]

Prints one JSON line when ready: {"port": ..., "pid": ...}.

    POST /google/token                     key file's JWT (aud: this URL or Google's own), refresh_token
    GET  /computeMetadata/v1/...           Google's metadata server
    GET  /subject                          a subject token as JSON, {"value": ...}
    POST /exchange, /...:generateAccessToken   workload identity federation
    POST /TENANT/oauth2/v2.0/token         Entra: client_secret or client_assertion
    GET  /metadata/identity/oauth2/token, /msi/token   managed identities
    POST /                                 AWS STS: both AssumeRole actions (SigV4 by botocore)
    PUT  /latest/api/token, GET /latest/meta-data/...  instance metadata v2
    GET  /v2/credentials/x                 container credentials
    GET  /asked                            how many credentials were given out, and what was refused
"""

import argparse
import datetime
import http.server
import json
import os
import sys
import time
import urllib.parse

KEYS = {"id": "ASIAEXAMPLEEXAMPLE00", "secret": "fake/secret+key", "token": "fake-session=="}
TENANT, CLIENT, CLIENT_SECRET = "tenant-1", "client-1", "fake~secret"
ASSERTION, SUBJECT, REFRESH, POD_TOKEN = "fake.assertion.a", "fake.subject.a", "1//fake", "fake-pod"
IDENTITY_HEADER, SESSION, ROLE = "fake-identity-header", "fake-session-token", "fake-role"
POOL = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q"
FEDERATED = "fake-federated-token"
BEARER_JWT = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Wrong(Exception):
    """What is wrong with a request."""


def need(condition, what):
    if not condition:
        raise Wrong(what)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    options = None
    given, refused = 0, []

    def do_GET(self):
        self.answer("GET")

    def do_POST(self):
        self.answer("POST")

    def do_PUT(self):
        self.answer("PUT")

    def log_message(self, *_):
        pass

    def answer(self, method):
        self.body = self.rfile.read(int(self.headers.get("content-length", 0)))
        url = urllib.parse.urlsplit(self.path)
        self.url_path = url.path
        self.query = dict(urllib.parse.parse_qsl(url.query))
        self.form = dict(urllib.parse.parse_qsl(self.body.decode("utf-8", "replace")))
        if url.path == "/asked":
            self.send(200, {"given": Handler.given, "refused": Handler.refused})
            return
        try:
            need(not self.options.deny, "access_denied")
            route = self.route(method)
            need(route is not None, "not_found")
            said = route()
        except Wrong as wrong:
            Handler.refused.append(f"{self.url_path}: {wrong}")
            self.send(400, self.refusal(str(wrong)))
            return
        self.send(200, said)

    def refusal(self, why):
        if self.url_path != "/":
            return {"error": why, "error_description": "see /asked"}
        return (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{why}</Code>"
            "<Message>see /asked</Message></Error><RequestId>1</RequestId></ErrorResponse>"
        )

    def send(self, status, said):
        body = said.encode() if isinstance(said, str) else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if "computeMetadata" in self.path:
            self.send_header("Metadata-Flavor", "Google")
        self.end_headers()
        self.wfile.write(body)

    def url_of(self, path):
        return f"http://{self.headers['host']}{path}"

    def route(self, method):
        path = self.url_path
        exact = {
            ("POST", "/google/token"): self.google,
            ("GET", "/subject"): lambda: {"value": SUBJECT},
            ("POST", "/exchange"): self.exchange,
            ("POST", f"/{TENANT}/oauth2/v2.0/token"): self.entra,
            ("GET", "/metadata/identity/oauth2/token"): self.managed_instance,
            ("GET", "/msi/token"): self.managed_app,
            ("POST", "/"): self.sts,
            ("PUT", "/latest/api/token"): self.instance_session,
            ("GET", "/v2/credentials/x"): self.container,
        }
        if (method, path) in exact:
            return exact[method, path]
        if method == "GET" and path.startswith("/computeMetadata/v1/"):
            return self.google_metadata
        if method == "POST" and path.endswith(":generateAccessToken"):
            return self.impersonate
        if method == "GET" and path.startswith("/latest/meta-data/iam/security-credentials/"):
            return self.instance
        return None

    def token(self, name):
        Handler.given += 1
        value = f"{name}-{Handler.given}"
        return {"access_token": value, "expires_in": self.options.life, "token_type": "Bearer"}

    def ends(self):
        at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=self.options.life)
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")

    def google(self):
        if self.form.get("grant_type") == "refresh_token":
            need(self.form.get("refresh_token") == REFRESH, "invalid_grant")
            return self.token("google-user")
        need(
            self.form.get("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "unsupported_grant_type",
        )
        import google.auth.jwt

        # google-auth addresses Google, wherever the key file sends it; others what the file says.
        audience = ["https://oauth2.googleapis.com/token", self.url_of("/google/token")]
        try:
            claims = google.auth.jwt.decode(
                self.form.get("assertion", ""), certs=self.options.public_key, audience=audience
            )
        except Exception as error:  # whatever google-auth dislikes
            raise Wrong(f"invalid_grant {type(error).__name__}") from error
        need(claims["exp"] - claims["iat"] <= 3600, "invalid_grant lifetime")
        need(abs(claims["iat"] - time.time()) < 300, "invalid_grant time")
        need(claims.get("scope"), "invalid_scope")
        return self.token("google")

    def google_metadata(self):
        need(self.headers.get("metadata-flavor") == "Google", "Missing Metadata-Flavor")
        need(self.url_path.endswith("/service-accounts/default/token"), "no such account")
        return self.token("google-metadata")

    def exchange(self):
        form = self.form
        need(
            form.get("grant_type") == "urn:ietf:params:oauth:grant-type:token-exchange",
            "unsupported_grant_type",
        )
        need(form.get("audience") == POOL, "invalid_target")
        need(form.get("subject_token") == SUBJECT, "invalid_grant")
        need(form.get("subject_token_type", "").startswith("urn:"), "invalid_request")
        return {"access_token": FEDERATED, "expires_in": 3600, "token_type": "Bearer"}

    def impersonate(self):
        need(self.headers.get("authorization") == f"Bearer {FEDERATED}", "UNAUTHENTICATED")
        need(json.loads(self.body).get("scope"), "INVALID_ARGUMENT")
        token = self.token("google-impersonated")
        return {"accessToken": token["access_token"], "expireTime": self.ends()}

    def entra(self):
        form = self.form
        need(form.get("grant_type") == "client_credentials", "unsupported_grant_type")
        need(form.get("client_id") == CLIENT, "unauthorized_client")
        need(form.get("scope", "").endswith("/.default"), "invalid_scope")
        by_assertion = form.get("client_assertion_type") == BEARER_JWT
        proven = (
            form.get("client_assertion") == ASSERTION
            if by_assertion
            else form.get("client_secret") == CLIENT_SECRET
        )
        need(proven, "invalid_client")
        return self.token("entra")

    def managed(self, version):
        need(self.query.get("api-version") == version, "bad api-version")
        need(self.query.get("resource", "").startswith("https://"), "invalid_resource")
        token = self.token("azure-managed")
        ends = int(time.time()) + self.options.life
        return {**token, "expires_in": str(self.options.life), "expires_on": str(ends)}

    def managed_instance(self):
        need(self.headers.get("metadata") == "true", "Required metadata header not specified")
        return self.managed("2018-02-01")

    def managed_app(self):
        need(self.headers.get("x-identity-header") == IDENTITY_HEADER, "invalid identity header")
        return self.managed("2019-08-01")

    def sts(self):
        form = self.form
        need(form.get("Version") == "2011-06-15", "InvalidAction")
        need(form.get("RoleArn", "").startswith("arn:aws:iam::"), "ValidationError")
        action = form.get("Action")
        if action == "AssumeRoleWithWebIdentity":
            need(form.get("WebIdentityToken") == ASSERTION, "InvalidIdentityToken")
        else:
            need(action == "AssumeRole", "InvalidAction")
            self.check_signature()
        Handler.given += 1
        return (
            f"<{action}Response><{action}Result><Credentials>"
            f"<AccessKeyId>{KEYS['id']}</AccessKeyId><SecretAccessKey>{KEYS['secret']}"
            f"</SecretAccessKey><SessionToken>{KEYS['token']}</SessionToken>"
            f"<Expiration>{self.ends()}</Expiration></Credentials></{action}Result>"
            f"</{action}Response>"
        )

    def check_signature(self):
        """Signs what came once more, by botocore and at the time it says, and compares."""
        import botocore.auth
        import botocore.awsrequest
        import botocore.credentials

        sent = self.headers.get("authorization", "")
        need(sent.startswith("AWS4-HMAC-SHA256 "), "MissingAuthenticationToken")
        parts = dict(part.strip().split("=", 1) for part in sent.split(" ", 1)[1].split(","))
        scope = parts["Credential"].split("/")
        need(scope[0] == KEYS["id"] and scope[3] == "sts", "InvalidClientTokenId")
        names = parts["SignedHeaders"].split(";")
        need("host" in names and "x-amz-date" in names, "SignatureDoesNotMatch")
        stamp = self.headers["x-amz-date"]
        request = botocore.awsrequest.AWSRequest(
            "POST",
            self.url_of("/"),
            {name: self.headers[name] for name in names},
            self.body,
        )
        request.context["timestamp"] = stamp
        signer = botocore.auth.SigV4Auth(
            botocore.credentials.Credentials(KEYS["id"], KEYS["secret"]), "sts", scope[2]
        )
        text = signer.string_to_sign(request, signer.canonical_request(request))
        need(signer.signature(text, request) == parts["Signature"], "SignatureDoesNotMatch")
        need(self.headers.get("x-amz-security-token") == KEYS["token"], "InvalidClientTokenId")

    def instance_session(self):
        need(self.headers.get("x-aws-ec2-metadata-token-ttl-seconds"), "no time to live")
        return SESSION

    def instance(self):
        need(self.headers.get("x-aws-ec2-metadata-token") == SESSION, "Unauthorized")
        role = self.url_path.rsplit("/", 1)[1]
        if not role:
            return ROLE
        need(role == ROLE, "no such role")
        return {"Code": "Success", **self.keys()}

    def container(self):
        need(self.headers.get("authorization") == POD_TOKEN, "Unauthorized")
        return self.keys()

    def keys(self):
        Handler.given += 1
        return {
            "AccessKeyId": KEYS["id"],
            "SecretAccessKey": KEYS["secret"],
            "Token": KEYS["token"],
            "Expiration": self.ends(),
        }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--life", type=int, default=3600, help="of what is given out, in seconds")
    parser.add_argument("--public-key", help="PEM file that checks the key file's JWTs")
    parser.add_argument("--deny", action="store_true", help="refuse everything")
    options = parser.parse_args()
    if options.public_key:
        with open(options.public_key, encoding="ascii") as file:
            options.public_key = file.read()
    Handler.options = options
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    print(json.dumps({"port": server.server_address[1], "pid": os.getpid()}), flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
