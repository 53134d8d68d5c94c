from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeke.prompt.secrets import Secret, scan

# Put together here, so that no scanner takes this file for a leak.
GITHUB = "ghp_" + "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"
AWS = "AKIA" + "IOSFODNN7EXAMPLE"


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        (f"x = 1\ntoken = '{GITHUB}'\n", "GitHub Token", 2),
        (f"{AWS}", "AWS Access Key", 1),
        ("\n\n-----BEGIN " + "RSA PRIVATE KEY-----\nabc", "Private Key", 3),
        ("url = 'https://me:" + "hunter2@example.org'", "Basic Auth Credentials", 1),
    ],
)
def test_what_looks_like_a_secret_is_found_with_its_line(text: str, kind: str, line: int) -> None:
    assert scan(text) == (Secret(kind, line),)
    assert "ghp" not in repr(scan(text))


def test_environment_files_by_their_name() -> None:
    assert [secret.kind for secret in scan("A=1", ["config/.env.local", "lib/env.py"])] == [
        "environment file .env.local"
    ]


@pytest.mark.parametrize(
    "text", ["", "def add(a, b):\n    return a + b\n", "password = os.environ['PASSWORD']", "sha256:" + "ab" * 32]
)
def test_ordinary_code_is_no_secret(text: str) -> None:
    assert scan(text) == ()


@given(st.text(max_size=200))
def test_any_text_can_be_scanned(text: str) -> None:
    assert all(1 <= secret.line <= text.count("\n") + 1 for secret in scan(text))
