"""The fake token services, with the clouds' own libraries as their clients: a fake that refuses
those, or that takes anything, would prove nothing."""

import json
import pathlib
import subprocess
import sys

import boto3
import google.auth.exceptions
import google.auth.transport.requests
import google.oauth2.service_account
import httpx
import pytest
from botocore.exceptions import ClientError
from botocore.utils import InstanceMetadataFetcher
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from support import fake_tokens

PROGRAM = pathlib.Path(fake_tokens.__file__)


def new_key():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    private, public = new_key()
    path = tmp_path_factory.mktemp("tokens") / "public.pem"
    path.write_bytes(public)
    process = subprocess.Popen(
        [sys.executable, PROGRAM, "--public-key", path], stdout=subprocess.PIPE, text=True
    )
    port = json.loads(process.stdout.readline())["port"]
    yield f"http://127.0.0.1:{port}", private
    process.terminate()
    process.wait(10)
    process.stdout.close()


def google_credentials(url, private):
    info = {
        "type": "service_account",
        "client_email": "gate@project.iam.example",
        "private_key": private,
        "private_key_id": "k1",
        "token_uri": f"{url}/google/token",
    }
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    return google.oauth2.service_account.Credentials.from_service_account_info(info, scopes=scopes)


def test_google_auth_gets_a_token_with_the_right_key_alone(tokens):
    url, private = tokens
    credentials = google_credentials(url, private)
    credentials.refresh(google.auth.transport.requests.Request())
    assert credentials.token.startswith("google-")
    with pytest.raises(google.auth.exceptions.RefreshError):
        google_credentials(url, new_key()[0]).refresh(google.auth.transport.requests.Request())


def sts(url, secret=fake_tokens.KEYS["secret"]):
    return boto3.client(
        "sts",
        endpoint_url=url,
        region_name="eu-central-1",
        aws_access_key_id=fake_tokens.KEYS["id"],
        aws_secret_access_key=secret,
        aws_session_token=fake_tokens.KEYS["token"],
    )


def test_boto3_assumes_roles_with_the_right_signature_alone(tokens):
    role = {"RoleArn": "arn:aws:iam::123456789012:role/x", "RoleSessionName": "test"}
    answer = sts(tokens[0]).assume_role(**role)
    assert answer["Credentials"]["SecretAccessKey"] == fake_tokens.KEYS["secret"]
    with pytest.raises(ClientError):
        sts(tokens[0], "another").assume_role(**role)
    by_web = {**role, "WebIdentityToken": fake_tokens.ASSERTION}
    assert sts(tokens[0]).assume_role_with_web_identity(**by_web)["Credentials"]
    with pytest.raises(ClientError):
        sts(tokens[0]).assume_role_with_web_identity(**{**role, "WebIdentityToken": "another"})


def test_botocore_reads_the_instances_keys(tokens):
    fetcher = InstanceMetadataFetcher(base_url=tokens[0] + "/")
    assert fetcher.retrieve_iam_role_credentials()["access_key"] == fake_tokens.KEYS["id"]


def test_what_is_wrong_is_refused_and_told(tokens):
    url = tokens[0]
    form = {
        "grant_type": "client_credentials",
        "client_id": fake_tokens.CLIENT,
        "client_secret": fake_tokens.CLIENT_SECRET,
        "scope": "https://cognitiveservices.azure.com/.default",
    }
    entra = f"{url}/{fake_tokens.TENANT}/oauth2/v2.0/token"
    assert httpx.post(entra, data=form).status_code == 200
    for field, wrong in (
        ("client_secret", "x"),
        ("client_id", "x"),
        ("grant_type", "x"),
        ("scope", "x"),
    ):
        assert httpx.post(entra, data={**form, field: wrong}).status_code == 400, field
    assert httpx.get(f"{url}/msi/token").status_code == 400
    assert httpx.get(f"{url}/v2/credentials/x").status_code == 400
    metadata = f"{url}/computeMetadata/v1/instance/service-accounts/default/token"
    assert httpx.get(metadata).status_code == 400
    assert httpx.get(metadata, headers={"Metadata-Flavor": "Google"}).status_code == 200
    refused = httpx.get(f"{url}/asked").json()["refused"]
    assert f"/{fake_tokens.TENANT}/oauth2/v2.0/token: invalid_client" in refused
