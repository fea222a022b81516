import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_app.core.errors import SecretsUnavailable
from reconcile_app.core.settings import Secret, environment_name
from reconcile_app.storage.secret_backend import ALLOWED, NoSecureStorage, find_backend
from reconcile_app.storage.secrets import PART, SecretStore
from tests.fakes.keyrings import ForgetfulKeyring, HangingKeyring, MemoryKeyring, RaisingKeyring, StubbornKeyring

ROOT = Path(__file__).resolve().parents[2]
WINDOWS_LIMIT = 1_280
FAKES = "tests.fakes.keyring_classes"


def store(backend: MemoryKeyring, **environ: str) -> SecretStore:
    return SecretStore(backend=backend, environ=environ, deadline=10)


def value(secrets: SecretStore, field: str = "token") -> str | None:
    found = secrets.get("atria", field)
    return found.reveal() if found else None


def test_a_secret_is_kept_by_connection_and_field() -> None:
    keyring = MemoryKeyring()
    secrets = store(keyring)
    secrets.set("atria", "token", Secret("one"))
    secrets.set("atria", "other", Secret("two"))
    secrets.set("autotask", "token", Secret("three"))
    again = store(keyring)
    assert (value(again), value(again, "other")) == ("one", "two")
    assert again.stored("atria", ["token", "other", "none"]) == {"token", "other"}
    assert again.note == secrets.note == ""
    assert "Reconcile: atria" in {service for service, _ in keyring.entries}


def test_a_secret_that_was_never_kept_is_none() -> None:
    secrets = store(MemoryKeyring())
    assert secrets.get("atria", "token") is None
    assert secrets.note == ""


@pytest.mark.parametrize("length", [1, PART, PART + 1, WINDOWS_LIMIT, WINDOWS_LIMIT + 1, 4_000, 10 * PART])
@pytest.mark.parametrize("character", ["x", "é", "😀"])
def test_long_secrets_fit_the_smallest_keyring(length: int, character: str) -> None:
    keyring = MemoryKeyring(WINDOWS_LIMIT)
    secret = (character * length)[:-1] + "!"
    secrets = store(keyring)
    secrets.set("atria", "token", Secret(secret))
    assert secrets.note == ""
    assert value(store(keyring)) == secret
    secrets.delete("atria")
    assert keyring.entries == {}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=3 * PART), min_size=1, max_size=3))
def test_the_last_of_several_secrets_counts_and_leaves_nothing_of_the_others(values: list[str]) -> None:
    keyring, single = MemoryKeyring(), MemoryKeyring()
    for secret in values:
        store(keyring).set("atria", "token", Secret(secret))
    store(single).set("atria", "token", Secret(values[-1]))
    assert value(store(keyring)) == values[-1]
    assert keyring.entries == single.entries


def test_a_secret_that_looks_like_our_own_mark_is_only_a_secret() -> None:
    keyring = MemoryKeyring()
    secret = "reconcile-parts:2:5:" + "0" * 64
    store(keyring).set("atria", "token", Secret(secret))
    assert value(store(keyring)) == secret


@pytest.mark.parametrize(
    "spoil",
    [
        lambda entries: entries.pop(("Reconcile: atria", "token#2")),
        lambda entries: entries.update({("Reconcile: atria", "token#1"): "y" * PART}),
    ],
)
def test_a_secret_that_lost_a_part_is_not_used(spoil: object) -> None:
    keyring = MemoryKeyring()
    store(keyring).set("atria", "token", Secret("x" * 3_000))
    spoil(keyring.entries)  # type: ignore[operator]  # the parameter is a function
    secrets = store(keyring)
    assert value(secrets) is None
    assert "atria, token" in secrets.note
    assert value(secrets, "other") is None
    assert "entered again" in secrets.note
    secrets.set("atria", "token", Secret("new"))
    assert (value(store(keyring)), secrets.note) == ("new", "")


# environment -----------------------------------------------------------------------------------------------------------------
def test_the_environment_wins_and_is_never_written() -> None:
    keyring = MemoryKeyring()
    secrets = store(keyring, RECONCILE_SECRET_ATRIA_TOKEN="from outside")
    assert value(secrets) == "from outside"
    assert secrets.stored("atria", ["token"]) == {"token"}
    assert keyring.calls == 0
    secrets.set("atria", "token", Secret("typed"))
    assert value(secrets) == "from outside"
    assert "from outside" not in keyring.entries.values()


def test_an_empty_variable_is_no_secret() -> None:
    assert value(store(MemoryKeyring(), RECONCILE_SECRET_ATRIA_TOKEN="")) is None


@pytest.mark.parametrize(
    ("connection", "field", "name"),
    [
        ("atria", "token", "RECONCILE_SECRET_ATRIA_TOKEN"),
        ("Contoso prod.", "client_id", "RECONCILE_SECRET_CONTOSO_PROD__CLIENT_ID"),
        ("ä-1", "x", "RECONCILE_SECRET___1_X"),
    ],
)
def test_how_the_variable_is_called(connection: str, field: str, name: str) -> None:
    assert environment_name(connection, field) == name


# without a usable keyring ----------------------------------------------------------------------------------------------------
class KeyringLocked(Exception):
    pass


class InitError(Exception):
    pass


class PasswordSetError(Exception):
    pass


@pytest.mark.parametrize(
    ("keyring", "words"),
    [
        (ForgetfulKeyring(), "did not keep it"),
        (RaisingKeyring(KeyringLocked("x")), "locked"),
        (RaisingKeyring(NoSecureStorage("there is none")), "there is none"),
        (RaisingKeyring(InitError("x")), "could not be opened"),
        (RaisingKeyring(PasswordSetError("x")), "refused to store"),
        (RaisingKeyring(RuntimeError("secret-bus")), "RuntimeError"),
        (MemoryKeyring(limit=2), "failed"),
    ],
)
def test_without_a_usable_keyring_a_secret_lives_for_the_session(keyring: MemoryKeyring, words: str) -> None:
    secrets = store(keyring)
    secrets.set("atria", "token", Secret("typed-in"))
    assert value(secrets) == "typed-in"
    assert words in secrets.note
    assert "typed-in" not in secrets.note
    assert secrets.stored("atria", ["token", "other"]) == {"token"}
    assert value(store(keyring)) is None


def test_once_the_keyring_works_again_the_next_save_goes_there() -> None:
    keyring = RaisingKeyring(KeyringLocked())
    secrets = store(keyring)
    secrets.set("atria", "token", Secret("typed"))
    assert secrets.note
    keyring.error = None
    secrets.set("atria", "token", Secret("typed"))
    assert secrets.note == ""
    assert value(store(keyring)) == "typed"


def test_as_long_as_something_is_held_for_the_session_the_note_says_so() -> None:
    keyring = RaisingKeyring(KeyringLocked())
    secrets = store(keyring)
    secrets.set("atria", "token", Secret("one"))
    keyring.error = None
    secrets.set("atria", "other", Secret("two"))
    assert value(secrets, "none") is None
    assert "locked" in secrets.note


def test_the_keyring_can_be_tried_at_the_start() -> None:
    assert store(MemoryKeyring()).probe() == ""
    assert "locked" in store(RaisingKeyring(KeyringLocked())).probe()


def test_a_keyring_that_hangs_stops_nobody() -> None:
    keyring = HangingKeyring()
    secrets = SecretStore(backend=keyring, environ={}, deadline=0.05)
    secrets.set("atria", "token", Secret("typed"))
    assert value(secrets) == "typed"
    assert "did not answer" in secrets.note
    began = time.monotonic()
    for _ in range(50):
        secrets.set("atria", "other", Secret("x"))
    assert time.monotonic() - began < 50 * 0.05, "later calls wait for the hanging one"
    assert "does not answer" in secrets.note
    with pytest.raises(SecretsUnavailable):
        secrets.delete("atria")
    keyring.answer.set()
    for thread in threading.enumerate():
        if thread.name == "keyring":
            thread.join(10)
    secrets.set("atria", "token", Secret("typed"))
    assert value(SecretStore(backend=keyring, environ={})) == "typed"


# deleting --------------------------------------------------------------------------------------------------------------------
def test_deleting_takes_every_part_of_one_connection() -> None:
    keyring = MemoryKeyring()
    secrets = store(keyring)
    for field in ("token", "renamed_since"):
        secrets.set("atria", field, Secret("x" * 3_000))
    secrets.set("autotask", "token", Secret("stays"))
    store(keyring).delete("atria", ["token"])
    assert {service for service, _ in keyring.entries} == {"Reconcile: autotask"}
    store(keyring).delete("never there", ["token"])


def test_deleting_forgets_the_session_too() -> None:
    secrets = store(RaisingKeyring(NoSecureStorage("none")))
    secrets.set("atria", "token", Secret("typed"))
    with pytest.raises(SecretsUnavailable):
        secrets.delete("atria")
    assert value(secrets) is None


@pytest.mark.parametrize("keyring", [RaisingKeyring(KeyringLocked()), StubbornKeyring()])
def test_what_could_not_be_deleted_is_told(keyring: MemoryKeyring) -> None:
    keyring.entries["Reconcile: atria", "token"] = "x"
    with pytest.raises(SecretsUnavailable, match="Reconcile: atria"):
        store(keyring).delete("atria", ["token"])


def test_an_index_that_is_no_list_does_no_harm() -> None:
    keyring = MemoryKeyring()
    for spoilt in ("{", "5", '["token", 5]'):
        keyring.entries = {("Reconcile: atria", "#fields"): spoilt, ("Reconcile: atria", "token"): "x"}
        store(keyring).delete("atria", ["token"])
        assert keyring.entries == {}


def test_data_folders_do_not_see_each_others_secrets() -> None:
    keyring = MemoryKeyring()
    SecretStore(backend=keyring, environ={}).set("atria", "token", Secret("usual"))
    other = SecretStore(backend=keyring, environ={}, namespace="abc")
    assert other.get("atria", "token") is None
    other.delete("atria", ["token"])
    assert value(store(keyring)) == "usual"


# which keyring ---------------------------------------------------------------------------------------------------------------
FINDING = """
import sys
from reconcile_app.core.settings import Secret, environment_name
from reconcile_app.storage.secrets import SecretStore
secrets = SecretStore()
secrets.set("atria", "token", Secret("canary-0815"))
print(secrets.note)
print(sorted(name for name in sys.modules if name == "weak_backend"))
"""

WEAK = """
import pathlib, keyring.backend
class Keyring(keyring.backend.KeyringBackend):
    priority = 99
    def get_password(self, service, username): return "weak"
    def set_password(self, service, username, password): pathlib.Path("stored-in-a-file").write_text(password)
    def delete_password(self, service, username): pass
"""


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"PYTHON_KEYRING_BACKEND": "weak_backend.Keyring"},
        {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"},
        {"KEYRING_PROPERTY_PRIORITY": "1"},
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have a keyring of their own")
def test_neither_environment_nor_configuration_chooses_the_keyring(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "weak_backend.py").write_text(WEAK)
    for folder in (tmp_path / "config" / "python_keyring", tmp_path / "data" / "python_keyring"):
        folder.mkdir(parents=True)
        (folder / "keyringrc.cfg").write_text(f"[backend]\ndefault-keyring=weak_backend.Keyring\nkeyring-path={tmp_path}\n")
    kept = {name: text for name, text in os.environ.items() if name != "DBUS_SESSION_BUS_ADDRESS"}
    folders = {
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": str(tmp_path),
    }
    paths = os.pathsep.join([str(ROOT), str(tmp_path)])
    done = subprocess.run(
        [sys.executable, "-c", FINDING],
        cwd=tmp_path,
        env=kept | folders | {"PYTHONPATH": paths} | environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == [
        "Secrets are not stored: this computer offers no keyring that this program trusts. They are kept until the program ends.",
        "[]",
    ], done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"canary-0815" in path.read_bytes()]


def test_only_keyrings_of_the_operating_system_are_allowed() -> None:
    assert {module.partition("keyring.backends.")[2] for module, _ in ALLOWED} == {
        "Windows",
        "macOS",
        "SecretService",
        "libsecret",
        "kwallet",
    }


# a secret that may be there ---------------------------------------------------------------------------------------------------
def test_why_a_secret_could_not_be_read_is_told_until_it_can() -> None:
    keyring = RaisingKeyring(KeyringLocked("x"))
    secrets = store(keyring)
    assert secrets.unreadable == ""
    assert secrets.get("atria", "token") is None
    assert secrets.unreadable == "The keyring is locked"
    keyring.error = None
    assert secrets.get("atria", "token") is None
    assert secrets.unreadable == ""


def test_a_secret_of_which_a_part_is_gone_is_unreadable() -> None:
    keyring = MemoryKeyring()
    store(keyring).set("atria", "token", Secret("x" * 3_000))
    del keyring.entries[next(key for key in keyring.entries if key[1] == "token#2")]
    secrets = store(keyring)
    assert secrets.get("atria", "token") is None
    assert secrets.unreadable == "A stored secret is incomplete: atria, token"


# the choice among those allowed ----------------------------------------------------------------------------------------------
def test_the_best_of_those_that_work_is_taken_and_nothing_of_the_environment_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYRING_PROPERTY_PLACE", "/tmp/elsewhere")
    found = find_backend(
        [(FAKES, "Weak"), (FAKES, "Absent"), (FAKES, "Strong"), (FAKES, "NotThere"), ("no.such.module", "Keyring")]
    )
    assert type(found).__name__ == "Strong"
    assert getattr(found, "place", None) is None


@pytest.mark.parametrize("allowed", [[], [(FAKES, "Absent")], [(FAKES, "NotViable")]])
def test_none_that_works_is_told(allowed: list[tuple[str, str]]) -> None:
    with pytest.raises(NoSecureStorage):
        find_backend(allowed)


def test_on_windows_an_entry_stays_on_its_computer_and_on_a_mac_in_the_users_keychain() -> None:
    assert vars(find_backend([(FAKES, "WinVaultKeyring")]))["persist"] == "local machine"
    assert vars(find_backend([(FAKES, "MacKeyring")]))["keychain"] is None
