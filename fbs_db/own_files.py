"""Files and directories that another user of the machine cannot swap for his own while we write."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fbs_db.errors import UsageError

#: Opens whatever has the name, a symbolic link too, without reading it. Only Linux can.
_LOOK = getattr(os, "O_PATH", os.O_RDONLY) | os.O_CLOEXEC | os.O_NOFOLLOW
_MOST_LINKS = 40


def trusted_users() -> set[int]:
    """The users whose files we take for our own: ourselves, and for root the user who typed sudo. As git does."""
    sudo = os.environ.get("SUDO_UID", "")
    return {os.geteuid()} | ({int(sudo)} if os.geteuid() == 0 and sudo.isdecimal() else set())


def owner(number: int) -> str:
    """The name of a user."""
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def current_directory(*, to_read: bool = False) -> Path:
    """The current directory.

    Parameters:
        to_read: whether files in it are to be read.

    Raises:
        UsageError: it is gone, as after a deployment, or closed to us, as after ``sudo -u`` in root's home.
    """
    try:
        here = Path.cwd()
        if to_read:
            os.stat(f"{here}/.")
    except OSError as error:
        raise UsageError(
            f"The current directory cannot be read: {error.strerror}.",
            hint="Go to that of fbs-db.toml, or of the embedded server. If there is none: cd /",
        ) from error
    return here


@contextmanager
def located(path: Path) -> Iterator[tuple[int, str, os.stat_result | None]]:
    """The open directory that a path leads to, the last name in it, and the state of what is there, if anything is.

    The last name is no symbolic link: links are followed. Outside Linux they are so beforehand.

    Raises:
        UsageError: a link on the way belongs to another user. To others than root, one of the owner of its
            directory may lead on.
        OSError: there is no such directory.
    """
    path = path.absolute() if hasattr(os, "O_PATH") else path.resolve()
    names = list(reversed(path.parts[1:]))
    name, found, links = ".", None, 0
    directory = os.open("/", _LOOK)
    try:
        while names:
            name, found = names.pop(), None
            try:
                entry = os.open(name, _LOOK, dir_fd=directory)
            except FileNotFoundError:
                if names:
                    raise
                break
            found = os.fstat(entry)
            if stat.S_ISLNK(found.st_mode):
                try:
                    target = _target(name, entry, found, directory)
                finally:
                    os.close(entry)
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                names += [part for part in reversed(target.split("/")) if part not in ("", ".")]
                entry = os.open("/", _LOOK) if target.startswith("/") else os.dup(directory)
            elif not names:
                os.close(entry)
                break
            os.close(directory)
            directory = entry
        yield directory, name, found
    finally:
        os.close(directory)


def _target(name: str, link: int, found: os.stat_result, directory: int) -> str:
    user = os.geteuid()
    if found.st_uid not in (0, user) and (user == 0 or found.st_uid != os.fstat(directory).st_uid):
        raise UsageError(
            f"The symbolic link {name} belongs to {owner(found.st_uid)}, who decides where it leads.",
            hint="Name the file that you mean without the link.",
        )
    return os.readlink("", dir_fd=link)


@contextmanager
def opened_directory(path: Path, how: int = os.O_RDONLY) -> Iterator[int]:
    """An open directory, reached as by `located`."""
    with located(path) as (parent, name, _):
        directory = os.open(name, how | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        yield directory
    finally:
        os.close(directory)


def replace_file(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """Write a file in one step. One that is there is replaced; its mode stays, and to root its owner.

    Parameters:
        mode: that of a new file; by default what the umask leaves.

    Raises:
        UsageError: another user's symbolic link leads there.
        OSError: it cannot be written.
    """
    if path.absolute().parts[1:2] in (("dev",), ("proc",)):  # such as /dev/stdout
        path.write_bytes(content)
        return
    with located(path) as (directory, name, found):
        if found and not stat.S_ISREG(found.st_mode):  # such as a pipe
            with os.fdopen(os.open(name, os.O_WRONLY | os.O_NOFOLLOW, dir_fd=directory), "wb") as file:
                file.write(content)
            return
        fresh = f".fbs-db-{secrets.token_hex(8)}.new"
        number = create_file(fresh, directory, 0o600 if found else 0o666)
        try:
            with os.fdopen(number, "wb") as file:
                if found:
                    _keep_rights(number, found)
                elif mode is not None:
                    os.fchmod(number, mode)
                file.write(content)
                file.flush()
                os.fsync(number)
            os.rename(fresh, name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException:
            os.unlink(fresh, dir_fd=directory)
            raise


def create_file(name: str, directory: int, mode: int = 0o600) -> int:
    """Create a file that was not there, and open it for writing."""
    return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=directory)


def _keep_rights(number: int, before: os.stat_result) -> None:
    mode = stat.S_IMODE(before.st_mode)
    try:
        os.fchown(number, before.st_uid if os.geteuid() == 0 else -1, before.st_gid)
    except PermissionError:  # another group may not get the rights of that one
        mode &= ~0o070
    os.fchmod(number, mode)
