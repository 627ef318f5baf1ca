"""The key is taken out of whatever a server says, in every form that it may be said in."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import hypothesis.strategies as st
import pytest
from hypothesis import given

from i2vbench.errors import UserError
from i2vbench.models.http.secret import Secret

KEY = 'sk-Te"st/0123+abc=def'


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> Secret:
    monkeypatch.setenv("TEST_API_KEY", f"{KEY}\n")
    return Secret("TEST_API_KEY", "Authorization", "Bearer {key}")


def test_it_is_sent_and_never_shown(secret: Secret) -> None:
    assert secret.headers == {"Authorization": f"Bearer {KEY}"}
    assert KEY not in repr(secret) + str(secret)


@pytest.mark.parametrize("form", [
    KEY, KEY.upper(), quote(KEY, safe=""), quote(KEY, safe="").lower(), json.dumps(KEY)[1:-1],
    base64.b64encode(KEY.encode()).decode(),
])  # fmt: skip
def test_each_form_of_it_is_taken_out(secret: Secret, form: str) -> None:
    said = secret.redact(f"wrong key {form}, {form}")
    assert said.replace("=", "") == "wrong key [$TEST_API_KEY], [$TEST_API_KEY]"
    assert secret.redact_json({form: [form, 1, None]})[secret.redact(form)][0].startswith("[$TEST_API_KEY]")


def test_a_piece_of_it_at_the_end_of_what_was_cut_is_taken_out(secret: Secret) -> None:
    assert secret.quoted("your key is " + " " * 999 + KEY[:12]) == "your key is"


@given(st.text(), st.text(), st.integers(1, 400))
def test_no_quotation_holds_it(before: str, after: str, most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_API_KEY", KEY)
        said = Secret("TEST_API_KEY", "X-Key", "{key}").quoted(f"{before}{KEY}{after}", max(most, 4))
    assert KEY not in said
    assert len(said) <= max(most, 4)


@pytest.mark.parametrize("value", ["", "   ", "short", "has a space in it", "schlüssel-12345", "line\nbreak-123"])
def test_what_can_be_no_key_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TEST_API_KEY", value)
    with pytest.raises(UserError, match="the environment variable TEST_API_KEY (is not set|holds no key)") as error:
        Secret("TEST_API_KEY", "Authorization", "Bearer {key}")
    assert not value.strip() or value not in str(error.value)
