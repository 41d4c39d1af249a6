#!/usr/bin/python
"""Bring accounts, directories and files of one daemon to what the action plugin rendered."""

from __future__ import annotations

DOCUMENTATION = r"""
module: meteo_render
short_description: Bring all files of one daemon to the rendered state, in one task
description:
  - The action plugin of the same name renders O(files) on the control node and sends them as one payload.
  - Files are compared, backed up below /var/backups/meteo, written with fsync and renamed into place.
  - A file that holds the value of a C(secret_*) variable is never shown in a diff and must not be world-readable.
options:
  unit:
    description: The systemd unit that reads these files; its watch list is written for C(stamp) and M(meteo_service).
    type: str
  accounts:
    description: System accounts to make, each with C(name), and optionally C(home) and C(groups).
    type: list
    elements: dict
  groups:
    description: Groups to make, each with C(name), and optionally C(members), people's accounts that have to exist.
    type: list
    elements: dict
  directories:
    description: Directories, each with C(path), and optionally C(owner), C(group), C(mode).
    type: list
    elements: dict
  files:
    description: Files, each with C(dest), one of C(src) (a template) and C(content), and optionally C(owner), C(group),
      C(mode), C(watch) (the daemon reads it at start), C(when), C(each) (one file an item, C(item.name) ends C(dest)),
      C(immutable) (an identity, which is never rewritten once it exists), C(block) (the content is one marked part of
      a file that is otherwise its owner's; owner, group and mode of a file that exists stay).
    type: list
    elements: dict
  group:
    description: Default group of the files.
    type: str
  exclusive:
    description: Directories in which files that are not listed here are removed (after a backup).
    type: list
    elements: str
  watch:
    description: Further paths that the daemon reads at start (a bundle's C(current) link).
    type: list
    elements: str
"""

import base64
import contextlib
import grp
import json
import os
import pwd
import tempfile
import time
import zlib

from ansible.module_utils.basic import AnsibleModule

BACKUPS = "/var/backups/meteo"
BACKUPS_KEPT = 5
STAMPS = "/run/meteo"


def account_id(name, kind):
    """Return the numeric id of a user or group, or None while it does not exist (check mode, fresh host)."""
    try:
        return pwd.getpwnam(name).pw_uid if kind == "user" else grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def read(path):
    """Return a file's text, or None if there is no such file."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def fsync_directory(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def back_up(path):
    """Keep the last few versions of a file that is about to be replaced or removed, readable by root alone."""
    os.makedirs(BACKUPS, mode=0o700, exist_ok=True)
    name = path.strip("/").replace("/", "_")
    target = os.path.join(BACKUPS, f"{name}.{time.time_ns()}")
    with open(path, "rb") as source, open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy:
        copy.write(source.read())
    kept = sorted(entry for entry in os.listdir(BACKUPS) if entry.rpartition(".")[0] == name)
    for old in kept[:-BACKUPS_KEPT]:
        os.unlink(os.path.join(BACKUPS, old))


def owner_differs(path, owner, group, mode):
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return True
    return (
        status.st_uid != account_id(owner, "user")
        or status.st_gid != account_id(group, "group")
        or (status.st_mode & 0o7777) != int(mode, 8)
    )


def with_block(text, block):
    """Return a file's text with our marked part replaced by `block`, or with it at the end if there was none."""
    begin, end = "# BEGIN MeteoStream", "# END MeteoStream"
    lines = text.splitlines()
    if begin in lines and end in lines[lines.index(begin) :]:
        first = lines.index(begin)
        last = lines.index(end, first)
    else:
        first, last = len(lines), len(lines) - 1
    kept = [*lines[:first], begin, *block.splitlines(), end, *lines[last + 1 :]]
    return "\n".join(kept) + "\n"


def sysusers(accounts):
    """Return the sysusers.d text that makes the accounts, the distribution's own way."""
    lines = []
    for account in accounts:
        home = account.get("home", "/nonexistent")
        lines.append(
            'u {} - "MeteoStream {}" {} {}'.format(account["name"], account["name"], home, "/usr/sbin/nologin")
        )
        for group in account.get("groups", []):
            lines.append(f"g {group} -")
            lines.append("m {} {}".format(account["name"], group))
    return "\n".join(lines) + "\n"


class Node:
    """The node's present state, and the steps that bring it to the rendered one."""

    def __init__(self, module, lib):
        self.module = module
        self.lib = lib
        self.check = module.check_mode
        self.changed = []
        self.diffs = []

    def file(self, entry):
        path = entry["dest"]
        before = read(path)
        if entry.get("block"):
            entry = self._around_block(entry, before)
        wanted = entry["content"]
        content_differs = before != wanted or os.path.islink(path)
        if not content_differs and not owner_differs(path, entry["owner"], entry["group"], entry["mode"]):
            return
        if before is not None and content_differs and entry.get("immutable"):
            self.module.fail_json(
                msg=f"{path} holds {before.strip()!r} and the inventory says {wanted.strip()!r}: "
                "an initialised identity is never rewritten. Give the "
                "host its old value back, or remove the member and its data first."
            )
        self.changed.append(path)
        if content_differs:
            hidden = "(holds a secret: not shown)\n"
            self.diffs.append(
                {
                    "before_header": path,
                    "after_header": path,
                    "before": ("" if before is None else hidden) if entry["secret"] else before or "",
                    "after": hidden if entry["secret"] else wanted,
                }
            )
        if not self.check:
            if content_differs and before is not None:
                self._forget_stamps(path)
            self._write(entry, replace=content_differs, exists=before is not None)

    def _forget_stamps(self, path):
        """Let every unit that reads a file count as stale, before the file is replaced.

        Its digest differs as well, unless somebody edited the file by hand and it is now what the unit read at its
        start: what the unit, or a part of it, read in between is not known, so it restarts all the same.
        """
        watch = os.path.join(self.lib, "watch")
        for unit in os.listdir(watch) if os.path.isdir(watch) else []:
            if path in (read(os.path.join(watch, unit)) or "").splitlines():
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(f"{STAMPS}/{unit}.digest")

    @staticmethod
    def _around_block(entry, before):
        """Return the entry with the whole file's content; whose file it is, it stays."""
        entry = dict(entry, content=with_block(before or "", entry["content"]))
        if before is not None:
            status = os.stat(entry["dest"])
            entry.update(
                owner=pwd.getpwuid(status.st_uid).pw_name,
                group=grp.getgrgid(status.st_gid).gr_name,
                mode="%04o" % (status.st_mode & 0o7777),
            )
        return entry

    def group(self, entry):
        """Make a group, and put people into it; nobody is put out of it."""
        name, members = entry["name"], entry.get("members", [])
        strangers = [member for member in members if account_id(member, "user") is None]
        if strangers:
            self.module.fail_json(
                msg="the group {} is to have {} as members, and this node has no such accounts: "
                "make them, or name others".format(name, ", ".join(strangers))
            )
        try:
            found = grp.getgrnam(name)
            present = set(found.gr_mem) | {user.pw_name for user in pwd.getpwall() if user.pw_gid == found.gr_gid}
            commands = []
        except KeyError:
            present = set()
            commands = [["groupadd", "--system", name]]
        commands += [["usermod", "--append", "--groups", name, member] for member in members if member not in present]
        if not commands:
            return
        self.changed.append("group " + name)
        for command in commands if not self.check else []:
            rc, out, err = self.module.run_command(command)
            if rc != 0:
                self.module.fail_json(msg=f"{' '.join(command)} ended with {rc}: {out}{err}")

    def _write(self, entry, replace, exists):
        path = entry["dest"]
        uid, gid = account_id(entry["owner"], "user"), account_id(entry["group"], "group")
        if uid is None or gid is None:
            self.module.fail_json(
                msg="{} should belong to {}:{}, and this node has no such account; "
                "the role that makes it has to run first".format(path, entry["owner"], entry["group"])
            )
        if not replace:
            os.chown(path, uid, gid)
            os.chmod(path, int(entry["mode"], 8))
            return
        if exists:
            back_up(path)
        folder = os.path.dirname(path)
        if not os.path.isdir(folder):
            os.makedirs(folder, mode=0o755)
        descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".meteo.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as stream:
                stream.write(entry["content"])
                os.fchown(stream.fileno(), uid, gid)
                os.fchmod(stream.fileno(), int(entry["mode"], 8))
                stream.flush()
                os.fsync(stream.fileno())
            os.rename(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
        fsync_directory(folder)

    def directory(self, entry):
        path, owner, group, mode = (
            entry["path"],
            entry.get("owner", "root"),
            entry.get("group", "root"),
            entry.get("mode", "0755"),
        )
        if not owner_differs(path, owner, group, mode):
            return
        self.changed.append(path)
        if self.check:
            return
        os.makedirs(path, exist_ok=True)
        uid, gid = account_id(owner, "user"), account_id(group, "group")
        if uid is None or gid is None:
            self.module.fail_json(msg=f"{path} should belong to {owner}:{group}, and this node has no such account")
        os.chown(path, uid, gid)
        os.chmod(path, int(mode, 8))

    def purge(self, folder, kept):
        """Remove what nobody rendered from a directory that is wholly ours."""
        for parent, _folders, names in os.walk(folder):
            for name in names:
                path = os.path.join(parent, name)
                if path in kept:
                    continue
                self.changed.append(path)
                self.diffs.append(
                    {"before_header": path, "after_header": "(removed)", "before": "present\n", "after": ""}
                )
                if not self.check:
                    back_up(path)
                    os.unlink(path)


def plain(path, content):
    return {"dest": path, "content": content, "owner": "root", "group": "root", "mode": "0644", "secret": False}


def main():
    # One opaque argument: rendered files may hold secrets, and no_log on each would censor unrelated output.
    module = AnsibleModule(argument_spec={"payload": {"type": "str", "no_log": True}}, supports_check_mode=True)
    request = json.loads(zlib.decompress(base64.b64decode(module.params["payload"])))
    node = Node(module, request["lib"])
    unit = request["unit"]
    if request["accounts"]:
        name = "/etc/sysusers.d/meteo-%s.conf" % (unit or request["accounts"][0]["name"])
        node.file(plain(name, sysusers(request["accounts"])))
        missing = [a["name"] for a in request["accounts"] if account_id(a["name"], "user") is None]
        if (node.changed or missing) and not module.check_mode:
            node.changed += missing
            rc, out, err = module.run_command(["systemd-sysusers", name])
            if rc != 0:
                module.fail_json(msg=f"systemd-sysusers {name} ended with {rc}: {out}{err}")
    for entry in request["groups"]:
        node.group(entry)
    for entry in request["directories"]:
        node.directory(entry)
    for entry in request["files"]:
        node.file(entry)
    if unit:
        watched = sorted([e["dest"] for e in request["files"] if e["watch"]] + request["watch"])
        node.file(plain("{}/watch/{}".format(request["lib"], unit), "\n".join(watched) + "\n"))
    kept = {entry["dest"] for entry in request["files"]}
    for folder in request["exclusive"]:
        node.purge(folder, kept)
    module.exit_json(changed=bool(node.changed), files=node.changed, diff=node.diffs)


if __name__ == "__main__":
    main()
