import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from reconcile_app.core.errors import DiskFull, StorageError
from reconcile_app.storage.files import file_errors, read_limited, write_whole
from reconcile_app.storage.paths import (
    DataPaths,
    file_system,
    network_drive,
    refuse_unsafe_place,
    synchronized_by,
    tenant_file_name,
)

POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has access lists and needs a privilege for links")

MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/kim/local ext4 rw 0 0
//nas/share /mnt/with\\040blank cifs rw 0 0
kim@host:/ /mnt/ssh fuse.sshfs rw 0 0
broken
"""


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_data_folder_holds_everything_but_the_locks(tmp_path: Path) -> None:
    paths = DataPaths.find(tmp_path / "data")
    inside = (paths.connections_file, paths.workspace_db, paths.journal_dir, paths.runs_dir, paths.window_file, paths.logs_dir)
    assert all(path.parent == tmp_path / "data" for path in inside)
    assert paths.journal_file("a1b2") == tmp_path / "data" / "journal" / "a1b2.db"
    assert paths.locks_dir == DataPaths.find().locks_dir


def test_two_data_folders_have_secrets_of_their_own(tmp_path: Path) -> None:
    names = {DataPaths.find(tmp_path / name).secrets_namespace for name in ("a", "b")} | {DataPaths.find().secrets_namespace}
    assert len(names) == 3
    assert "" in names
    assert DataPaths.find(tmp_path / "a").secrets_namespace == DataPaths.find(tmp_path / "b" / ".." / "a").secrets_namespace


@POSIX
def test_folders_are_made_for_their_owner_only(tmp_path: Path) -> None:
    paths = DataPaths(root=tmp_path / "x" / "data", locks_dir=tmp_path / "locks")
    assert paths.prepare() == ()
    folders = (paths.root, paths.locks_dir, paths.journal_dir, paths.runs_dir, paths.logs_dir)
    assert {mode(folder) for folder in folders} == {0o700}
    (paths.root / "made by a library").touch()
    assert mode(paths.root / "made by a library") == 0o600


@POSIX
def test_wider_permissions_are_narrowed_and_told(tmp_path: Path) -> None:
    paths = DataPaths(root=tmp_path / "data", locks_dir=tmp_path / "locks")
    paths.prepare()
    paths.root.chmod(0o755)
    paths.workspace_db.touch()
    paths.workspace_db.chmod(0o666)
    paths.window_file.touch()
    assert set(paths.prepare()) == {paths.root, paths.workspace_db}
    assert (mode(paths.root), mode(paths.workspace_db)) == (0o700, 0o600)
    assert paths.prepare() == ()


@POSIX
@pytest.mark.parametrize("folder", ["", "journal", "runs", "logs"])
def test_a_link_instead_of_a_folder_is_refused(tmp_path: Path, folder: str) -> None:
    paths = DataPaths(root=tmp_path / "data", locks_dir=tmp_path / "locks")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    link = paths.root / folder if folder else paths.root
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(elsewhere)
    with pytest.raises(StorageError, match="link"):
        paths.prepare()
    assert mode(elsewhere) == 0o755


@POSIX
def test_a_folder_for_everybody_is_refused_and_left_alone(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    with pytest.raises(StorageError, match="shared"):
        DataPaths(root=shared, locks_dir=tmp_path / "locks").prepare()
    assert mode(shared) == 0o1777


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    with pytest.raises(StorageError):
        DataPaths(root=tmp_path / "data", locks_dir=tmp_path / "locks").prepare()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib", "ext4"),
        ("/home/kim", "nfs4"),
        ("/home/kim/local/x", "ext4"),
        ("/mnt/with blank/x", "cifs"),
        ("/mnt/ssh", "fuse.sshfs"),
        ("/homes", "ext4"),
    ],
)
def test_the_deepest_mount_point_decides(path: str, kind: str) -> None:
    assert file_system(MOUNTS, PurePosixPath(path)) == kind


def test_no_mount_table_no_verdict() -> None:
    assert file_system("", PurePosixPath("/x")) == ""


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/home/kim/Dropbox/x", "Dropbox"),
        ("/home/kim/Dropbox (Contoso)/x", "Dropbox"),
        ("/Users/kim/Library/Mobile Documents/x", "iCloud"),
        ("/Users/kim/Library/CloudStorage/OneDrive-Contoso/x", "a cloud storage"),
        ("/home/kim/Google Drive/x", "Google Drive"),
        ("/home/kim/.local/share/Reconcile", ""),
        ("/home/kim/dropboxes", ""),
    ],
)
def test_synchronized_folders_are_known_by_their_names(path: str, service: str) -> None:
    assert synchronized_by(PurePosixPath(path)) == service


def test_onedrive_is_known_on_windows() -> None:
    assert synchronized_by(PureWindowsPath(r"C:\Users\kim\OneDrive - Contoso\Reconcile")) == "OneDrive"
    assert synchronized_by(PureWindowsPath(r"C:\Users\kim\AppData\Local\Reconcile")) == ""


def test_a_network_share_is_refused_and_a_local_folder_is_not(tmp_path: Path) -> None:
    assert network_drive(Path("//server/share/x")) == "network share"
    refuse_unsafe_place(tmp_path)
    with pytest.raises(StorageError, match="network"):
        refuse_unsafe_place(Path("//server/share/x"))


@pytest.mark.parametrize("tenant", ["A1", "", "../../etc/passwd", "a/b", "ü", "x" * 200])
def test_no_fingerprint_leads_out_of_the_folder(tenant: str) -> None:
    assert len(tenant_file_name(tenant)) == 64
    assert tenant_file_name("abc-123_4") == "abc-123_4"


def test_knowing_the_paths_costs_no_heavy_import() -> None:
    code = (
        "import sys; from reconcile_app.storage.paths import DataPaths; DataPaths.find();"
        "print([name for name in ('pandas', 'sqlalchemy', 'alembic', 'keyring', 'tomlkit', 'msgspec') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


# whole files -----------------------------------------------------------------------------------------------------------------
def test_a_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"one", b"two, longer"):
        write_whole(path, content)
        assert path.read_bytes() == content
    assert [found.name for found in tmp_path.iterdir()] == ["file"]
    if os.name != "nt":
        assert mode(path) == 0o600


def test_a_file_that_cannot_be_replaced_stays(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inside").touch()
    with pytest.raises(StorageError):
        write_whole(tmp_path / "folder", b"x")
    with pytest.raises(StorageError):
        write_whole(tmp_path / "missing" / "file", b"x")
    assert [found.name for found in tmp_path.iterdir()] == ["folder"]


@POSIX
def test_links_are_not_written_through(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"mine")
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(StorageError):
        write_whole(tmp_path / "link", b"x")
    with pytest.raises(StorageError):
        read_limited(tmp_path / "link", 10)
    assert target.read_bytes() == b"mine"


def test_reading_stops_at_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert read_limited(path, 3) is None
    path.write_bytes(b"abc")
    assert read_limited(path, 3) == b"abc"
    with pytest.raises(StorageError, match="too large"):
        read_limited(path, 2)


def test_a_full_disk_has_its_own_error(tmp_path: Path) -> None:
    import errno

    with pytest.raises(DiskFull), file_errors("x", tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(StorageError, match="Permission denied"), file_errors("x", tmp_path):
        raise OSError(errno.EACCES, "Permission denied")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_what_the_system_says_of_a_full_device_is_understood() -> None:
    with pytest.raises(DiskFull), file_errors("x", Path("/dev/full")), Path("/dev/full").open("wb", buffering=0) as file:
        file.write(b"x")
