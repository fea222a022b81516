import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile_app.core.redact import MARK, SHORTEST, Redactor

SECRET = 's3cr3t/"Kéy+=\\'
SECRETS = st.lists(st.text(min_size=SHORTEST, max_size=20), max_size=4)


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower(),
        quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(SECRET))[3:-3],
        json.dumps(SECRET)[1:-1].replace("/", "\\/"),
        repr(SECRET)[1:-1],
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
    ],
)
def test_a_known_secret_goes_in_every_form(form: str) -> None:
    assert form not in Redactor([SECRET]).clean(f"before {form} after")
    assert Redactor([SECRET]).clean(f"before {form} after").startswith("before ")


@pytest.mark.parametrize("joined", ["company+public:{}", "a{}", "ab{}", "abc{}x", "{}"])
def test_a_key_joined_with_a_user_before_encoding_goes_too(joined: str) -> None:
    key = "privateKey-1234567890"
    encoded = base64.b64encode(joined.format(key).encode()).decode()
    cleaned = Redactor([key]).clean(f"Basic realm {encoded}")
    assert MARK in cleaned
    for offset in range(4):
        tail = cleaned.split()[-1][offset:]
        assert key.encode() not in base64.b64decode(tail[: len(tail) // 4 * 4].replace("*", "A"), validate=False)


@given(SECRETS, st.lists(st.text(max_size=20), min_size=1, max_size=5))
def test_no_known_value_is_left_and_cleaning_twice_changes_nothing(secrets: list[str], pieces: list[str]) -> None:
    between = zip(pieces, [*secrets, *[""] * len(pieces)], strict=False)
    text = "".join(piece + secret for piece, secret in between) + "".join(secrets)
    redactor = Redactor(secrets)
    cleaned = redactor.clean(text)
    assert not [secret for secret in secrets if secret in cleaned]
    assert redactor.clean(cleaned) == cleaned


@given(st.text(max_size=200))
def test_cleaning_is_idempotent_without_any_known_secret(text: str) -> None:
    cleaned = Redactor().clean(text)
    assert Redactor().clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Authorization: Bearer abc def\r\nAccept: x", "Authorization: ***\r\nAccept: x"),
        ("{'authorization': 'Bearer x y', 'a': 1}", "{'authorization': '***', 'a': 1}"),
        ('{"Secret":"a\\"b","k":1}', '{"Secret":"***","k":1}'),
        ('{\\"access_token\\": \\"abc\\", \\"z\\": 1}', '{\\"access_token\\": \\"***\\", \\"z\\": 1}'),
        ("[(b'UserName', b'me'), (b'Host', b'h')]", "[(b'UserName', b'***'), (b'Host', b'h')]"),
        ("ApiIntegrationCode=ABC123&page=2", "ApiIntegrationCode=***&page=2"),
        ("client_secret=abc; clientId: 7-8", "client_secret=***; clientId: ***"),
        ("Set-Cookie: a=b; c=d", "Set-Cookie: ***"),
        ("GET https://h.example/x/y?search=1&z failed", "GET https://h.example/x/y?*** failed"),
        ("GET /api/x?token=1 failed", "GET /api/x?*** failed"),
        ("https://user:word@h.example/", "https://***@h.example/"),
        ("sent Bearer abcdefgh.ijk", "sent Bearer ***"),
        ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_def", "got ***"),
    ],
)
def test_values_go_by_the_names_under_which_they_travel(text: str, cleaned: str) -> None:
    assert Redactor().clean(text) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        "Microsoft 365 Business Basic subscriptions",
        "The Secret is empty.",
        "really? yes",
        "12 of 40 lines, 3.50 each",
        "token: ***",
        "Basic Exchange",
        "Line 12: quantity raised from 10.00 to 12.00",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert Redactor(["abcd1234"]).clean(text) == text


def test_very_short_values_are_not_torn_out_of_every_word() -> None:
    assert Redactor(["an", "", "abc"]).clean("an abc banana") == "an abc banana"


def test_a_mark_that_completes_another_secret_is_cleaned_again() -> None:
    redactor = Redactor(["hidden", "ab***"])
    assert redactor.clean("abhidden") == MARK


def test_blanks_around_a_pasted_secret_do_not_hide_it() -> None:
    assert Redactor([" value-77 \n"]).clean("got value-77.") == "got ***."


def test_the_redactor_does_not_show_what_it_knows() -> None:
    assert "hidden" not in repr(Redactor(["hidden-value"]))


@pytest.mark.parametrize(
    "text", ["a" * 65_536, "http://" * 9_000, "token" * 13_000, "(b'" * 20_000, 'token:"' + "\\" * 60_000, "a?" * 30_000]
)
def test_hostile_text_does_not_stop_the_program(text: str) -> None:
    assert Redactor(["secret-value"]).clean(text)


def test_secrets_that_complete_each_other_without_end_do_not_stop_the_program() -> None:
    letters = "bcdefghijklmnopqrstuvwxy"
    chain = Redactor(["zzzz", *(f"{letter}{MARK}" for letter in letters)])
    cleaned = chain.clean(f"{letters}zzzz")
    assert "zzzz" not in cleaned
    assert len(cleaned) < len(letters) + len(MARK)
