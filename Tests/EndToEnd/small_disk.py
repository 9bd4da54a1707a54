"""A disk that can be full: a small tmpfs of its own."""

import os
import subprocess
from pathlib import Path


class SmallDisk:
    """Mounted while the `with` block runs. Where mounting is not permitted the test fails: nothing else fills a disk
    without filling the machine's."""

    def __init__(self, path: Path, megabytes: int):
        self.path = path
        self.megabytes = megabytes

    def __enter__(self) -> "SmallDisk":
        self.path.mkdir()
        _run("mount", "-t", "tmpfs", "-o", f"size={self.megabytes}m", "tmpfs", self.path)
        return self

    def __exit__(self, *_) -> None:
        # Lazily, because a collector that is being ended may have a file open for a moment longer.
        _run("umount", "--lazy", self.path)

    def make_read_only(self) -> None:
        _run("mount", "-o", "remount,ro", self.path)

    def fill(self, leave_bytes: int = 0) -> None:
        """Takes all space but `leave_bytes`, up to a page."""
        filler = self.path / "filler"
        with filler.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(64 << 10))
            except OSError:
                pass
            size = os.fstat(file.fileno()).st_size
            file.truncate(size - leave_bytes)

    def free(self) -> None:
        (self.path / "filler").unlink()


def _run(*command) -> None:
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert result.returncode == 0, f"{' '.join(map(str, command))}: {result.stderr.strip()} (this test needs root)"
