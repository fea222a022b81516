"""Every target. A new parser gets its line here, and nowhere else."""

import asyncio
from pathlib import Path

from tests.fuzz import atria_targets, autotask_targets, connectwise_targets
from tests.fuzz.file_targets import connections, journal, window, workbook
from tests.fuzz.header_targets import HeaderTarget
from tests.fuzz.recording import Recording
from tests.fuzz.snapshot_targets import SnapshotTarget
from tests.fuzz.target import Target
from tests.fuzz.url_targets import UrlTarget


def targets(recording: Recording, folder: Path, loop: asyncio.AbstractEventLoop) -> list[Target]:
    """All targets, over what was recorded; ``folder`` is for the files."""
    return [
        *atria_targets.targets(recording.atria, recording.atria_known, loop),
        *autotask_targets.targets(recording.autotask, recording.autotask_known, loop),
        *connectwise_targets.targets(recording.connectwise, loop),
        UrlTarget("next page", loop),
        UrlTarget("redirect", loop, redirects=True),
        HeaderTarget("Retry-After", loop),
        HeaderTarget("Date", loop),
        workbook(folder),
        connections(folder),
        window(folder),
        SnapshotTarget(folder, sealed=False),
        SnapshotTarget(folder, sealed=True),
        journal(folder, loop),
    ]
