"""Where everything is kept on this computer."""

import hashlib
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path, PurePath

from reconcile_app.core.errors import StorageError
from reconcile_app.storage.files import PRIVATE_FILE, file_errors, narrow, private_folder

APP = "Reconcile"

_NETWORK = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb",
        "smb2",
        "smb3",
        "smbfs",
        "afs",
        "ncpfs",
        "9p",
        "ceph",
        "glusterfs",
        "lustre",
        "gpfs",
        "webdav",
        "davfs",
        "fuse.sshfs",
        "fuse.glusterfs",
        "fuse.rclone",
        "fuse.davfs2",
        "fuse.s3fs",
        "fuse.gcsfuse",
        "fuse.cephfs",
        "fuse.gvfsd-fuse",
    }
)
_SYNCED_WHOLE = {
    "dropbox": "Dropbox",
    "google drive": "Google Drive",
    "googledrive": "Google Drive",
    "my drive": "Google Drive",
    "onedrive": "OneDrive",
    "icloud drive": "iCloud",
    "iclouddrive": "iCloud",
    "mobile documents": "iCloud",
    "com~apple~clouddocs": "iCloud",
    "cloudstorage": "a cloud storage",
}
_SYNCED_START = {
    "onedrive - ": "OneDrive",
    "onedrive-": "OneDrive",
    "dropbox (": "Dropbox",
    "dropbox-": "Dropbox",
    "googledrive-": "Google Drive",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPaths:
    """The folders and files of one installation.

    ``root`` holds everything but the locks: ``locks_dir`` is the same for every data folder of a user on this computer, so that two
    of them cannot push to one tenant at the same time.
    """

    root: Path
    locks_dir: Path
    secrets_namespace: str = ""
    """Tells the keyring entries of another data folder apart; empty for the usual one."""

    @classmethod
    def find(cls, data_dir: Path | None = None) -> "DataPaths":
        """The platform's local (not roaming) data folder, or ``data_dir``."""
        from platformdirs import user_data_path

        usual = user_data_path(APP, appauthor=False, roaming=False)
        if data_dir is None:
            return cls(root=usual, locks_dir=usual / "locks")
        root = data_dir.expanduser().absolute()
        digest = hashlib.sha256(os.fsencode(os.path.realpath(root))).hexdigest()[:12]
        return cls(root=root, locks_dir=usual / "locks", secrets_namespace=digest)

    @property
    def connections_file(self) -> Path:
        """Connections without secrets."""
        return self.root / "connections.toml"

    @property
    def workspace_db(self) -> Path:
        """Mappings, decisions, runs."""
        return self.root / "workspace.db"

    @property
    def journal_dir(self) -> Path:
        """One journal per tenant."""
        return self.root / "journal"

    @property
    def runs_dir(self) -> Path:
        """The fetched frames, one folder per run."""
        return self.root / "runs"

    @property
    def window_file(self) -> Path:
        """Geometry, column order, filters."""
        return self.root / "window.json"

    @property
    def keeping_file(self) -> Path:
        """How long runs and journals are kept."""
        return self.root / "keeping.json"

    @property
    def logs_dir(self) -> Path:
        """Rotating logs."""
        return self.root / "logs"

    def journal_file(self, tenant: str) -> Path:
        """The journal of the tenant with this fingerprint."""
        return self.journal_dir / f"{tenant_file_name(tenant)}.db"

    def prepare(self) -> tuple[Path, ...]:
        """Makes every folder, private; the paths whose permissions were too wide and have been narrowed.

        From here on this process makes files for its owner only, also those that libraries make (umask 077).

        Raises:
            StorageError: a folder is a link or cannot be made.
        """
        os.umask(0o077)
        folders = (self.root, self.locks_dir, self.journal_dir, self.runs_dir, self.logs_dir)
        narrowed = [folder for folder in folders if private_folder(folder)]
        for folder in (self.root, self.journal_dir, self.logs_dir):
            narrowed += _narrow_files(folder)
        return tuple(narrowed)


def _narrow_files(folder: Path) -> list[Path]:
    narrowed = []
    with file_errors("A data folder cannot be used.", folder):
        for path in sorted(folder.iterdir()):
            if not path.is_symlink() and path.is_file() and narrow(path, PRIVATE_FILE):
                narrowed.append(path)
    return narrowed


def tenant_file_name(tenant: str) -> str:
    """A tenant's fingerprint as a file name: itself where it is plain, otherwise its digest."""
    if re.fullmatch(r"[a-z0-9_-]{1,80}", tenant):
        return tenant
    return hashlib.sha256(tenant.encode("utf-8", "surrogatepass")).hexdigest()


def refuse_unsafe_place(path: Path) -> None:
    """A journal must lie on a local disk: databases break on network drives and in synchronized folders.

    Raises:
        StorageError: ``path`` lies on a network drive or in a folder that a service synchronizes.
    """
    synced = synchronized_by(path)
    drive = "" if synced else network_drive(path)
    if not synced and not drive:
        return
    where = f"a folder that {synced} synchronizes" if synced else f"a network drive ({drive})"
    raise StorageError(
        "The data folder is in an unsafe place.",
        f"{path} lies in {where}. The journal would not survive there.",
        meaning="Nothing was sent.",
        next_step="Choose a folder on a local disk with --data-dir.",
    )


def synchronized_by(path: PurePath) -> str:
    """The service that synchronizes this path, judging by its folder names, or nothing."""
    for part in path.parts:
        name = part.lower()
        if name in _SYNCED_WHOLE:
            return _SYNCED_WHOLE[name]
        for start, service in _SYNCED_START.items():
            if name.startswith(start):
                return service
    return ""


def network_drive(path: Path) -> str:
    """The kind of network drive that holds ``path``, or nothing where it is local or cannot be told."""
    if str(path).startswith(("\\\\", "//")):
        return "network share"
    if sys.platform == "win32":
        import ctypes

        remote = 4  # DRIVE_REMOTE of GetDriveTypeW
        return "network share" if ctypes.windll.kernel32.GetDriveTypeW(f"{path.drive}\\") == remote else ""
    try:
        mounts = Path("/proc/mounts").read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
    kind = file_system(mounts, Path(os.path.realpath(path)))
    return kind if kind in _NETWORK else ""


def file_system(mounts: str, path: PurePath) -> str:
    """The file system type of ``path`` by a table in the form of Linux's ``/proc/mounts``."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = PurePath(re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), fields[1]))
        if path.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), fields[2]
    return kind
