"""Bad certificates and old TLS: refused, told which check failed, nothing sent, and no way to go on."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile_app.core.errors import ConnectionFailed
from reconcile_app.core.judge import OpState
from reconcile_app.sandbox.server import Sandbox
from tests.fakes.certificates import Certificates
from tests.faults.wire_bench import NOW, on, six_customers

BAD = {
    "self-signed": "its certificate is self-signed",
    "expired": "its certificate has expired",
    "future": "its certificate is not valid yet",
    "wrong host": "its certificate is for another",
}


class SecureBox:
    """A sandbox that speaks TLS and can show another certificate to whoever connects next."""

    def __init__(self, folder: Path) -> None:
        self.certificates = Certificates(folder)
        self.context = self.certificates.server("good")
        self.box = Sandbox(six_customers, now=NOW, ticking=False, tls=self.context)

    def show(self, kind: str) -> None:
        self.box.call(lambda: self.context.load_cert_chain(self.certificates.chain(kind)))

    @property
    def ca_file(self) -> str:
        return str(self.certificates.ca_file)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureBox]:
    made = SecureBox(tmp_path_factory.mktemp("certificates"))
    with made.box:
        yield made


@pytest.mark.fault("F-04", "R")
@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_certificate_is_refused_and_the_failed_check_is_named(secure: SecureBox, kind: str) -> None:
    secure.show(kind)
    async with on(secure.box, ca_file=secure.ca_file) as bench:
        with pytest.raises(ConnectionFailed) as caught:
            await bench.psa.tenant()
        assert BAD[kind] in caught.value.happened
        assert "It is for localhost, issued by " in caught.value.happened
        assert "CA file" in caught.value.next_step
        # one try, and none that would look away
        assert bench.psa.calls == 1


@pytest.mark.fault("F-04", "R")
async def test_an_authority_that_nobody_knows_is_refused(secure: SecureBox) -> None:
    secure.show("good")
    async with on(secure.box) as bench:
        with pytest.raises(ConnectionFailed, match="authority this computer does not know"):
            await bench.psa.tenant()


@pytest.mark.fault("F-04", "W", "before")
@pytest.mark.parametrize("kind", BAD)
async def test_a_certificate_that_turns_bad_before_the_write_means_nothing_was_sent(secure: SecureBox, kind: str) -> None:
    secure.show("good")
    async with on(secure.box, ca_file=secure.ca_file) as bench:
        plan = await bench.plan(bench.changes(1))
        # the reads keep their connections; a write makes one of its own
        secure.show(kind)
        pushed = await bench.push(plan)
        assert (pushed.states, pushed.sends, pushed.commits) == ([OpState.NOT_SENT], 3, [])
        assert "Nothing was sent." in pushed.messages[0]
        assert BAD[kind] in pushed.messages[0]


@pytest.mark.fault("F-04", "R")
@pytest.mark.fault("F-04", "W", "before")
async def test_old_tls_is_refused(secure: SecureBox) -> None:
    old = secure.certificates.server("good")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with Sandbox(six_customers, now=NOW, ticking=False, tls=old) as box:
        async with on(box, ca_file=secure.ca_file) as bench:
            with pytest.raises(ConnectionFailed) as caught:
                await bench.psa.tenant()
            assert "TLS 1.2 or newer" in caught.value.next_step
            assert bench.commits() == []
