#!/usr/bin/python
"""Puts one locked bundle on a node. The action plugin of the same name calls it, with the archive where needed."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.meteo_bundle import (
    BundleError,
    Finding,
    Wanted,
    check_space,
    converge,
    current_id,
    inspect,
    previous,
)
from ansible.module_utils.urls import open_url

DOCUMENTATION = r"""
module: meteo_bundle
short_description: Puts one locked software bundle on a node
description:
  - Installs C(/opt/<name>/<version>-<lock hash>/) from the archive that C(./meteo fetch) made, and points
    C(/opt/<name>/current) to it.
  - The archive is verified on the control machine before it is sent, and on the node before it is unpacked. It is sent
    only if the node does not have the version complete.
  - A version whose files were changed, removed or added to is installed again and reported.
  - An interrupted installation is finished by the next run.
options:
  name:
    description: Bundle, a folder below C(artifacts/).
    type: str
    required: true
  url:
    description:
      - Folder on a web server from which nodes download archives, instead of getting them over SSH.
      - Default is the variable C(bundle_artifact_url).
    type: str
    default: ""
  keep:
    description: Versions that stay installed, the current one included. Default is the variable C(bundle_keep).
    type: int
    default: 2
  prefix:
    description: Folder on the node that holds all bundles.
    type: path
    default: /opt
  artifacts:
    description: Folder on the control machine with the bundles' definitions. Default is C(artifacts/) here.
    type: path
attributes:
  check_mode: {support: full}
  diff_mode: {support: full}
"""

EXAMPLES = r"""
- name: Kafka's software is installed
  meteo_bundle:
    name: kafka
"""

RETURN = r"""
path: {description: Folder of the version in use., type: str, returned: always, sample: /opt/kafka/4.4.0-0a40cdc6bdcf}
version: {description: Version of the software., type: str, returned: always, sample: 4.4.0}
id: {description: Version and lock hash., type: str, returned: always, sample: 4.4.0-0a40cdc6bdcf}
previous: {description: Folder of the version to go back to; empty without one., type: str, returned: always}
problems: {description: Why the version was installed (again)., type: list, elements: str, returned: always}
"""

DOWNLOAD_SECONDS = 60
"""Without a byte for this long a download is given up."""


def download(url: str, folder: Path) -> Path:
    """Gets the archive next to where it will be unpacked; its checksum is verified by `install`."""
    handle, name = tempfile.mkstemp(prefix=".download-", dir=folder)
    try:
        with open_url(url, timeout=DOWNLOAD_SECONDS) as answer, os.fdopen(handle, "wb") as stream:
            shutil.copyfileobj(answer, stream, 1 << 20)
    except OSError as error:
        Path(name).unlink()
        raise BundleError(
            f"{url} could not be downloaded: {error}. Put the archive there (./meteo fetch made it)"
        ) from error
    return Path(name)


def difference(wanted: Wanted, found: Finding, before: str | None) -> dict[str, str]:
    """For --diff: which version was in use, which will be, and what was wrong with it."""
    problems = "".join(f"  {problem}\n" for problem in found.problems)
    return {
        "before_header": str(wanted.link),
        "before": f"{before or 'absent'}\n{problems}",
        "after_header": str(wanted.link),
        "after": f"{wanted.id}\n",
    }


def archive_of(parameters: dict[str, Any], wanted: Wanted) -> Path:
    """The archive that the action sent, or one downloaded now."""
    if parameters["archive"]:
        return Path(parameters["archive"])
    return download(f"{parameters['url'].rstrip('/')}/{parameters['archive_name']}", wanted.home)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "id": {"type": "str", "required": True},
            "version": {"type": "str", "required": True},
            "python": {"type": "str"},
            "prefix": {"type": "path", "default": "/opt"},
            "keep": {"type": "int", "default": 2},
            "url": {"type": "str", "default": ""},
            "archive": {"type": "path"},
            "archive_name": {"type": "str", "default": ""},
            "sha256": {"type": "str", "default": ""},
            "installed_size": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    os.umask(0o022)
    parameters = module.params
    wanted = Wanted(
        name=parameters["name"],
        id=parameters["id"],
        prefix=Path(parameters["prefix"]),
        python=parameters["python"],
        keep=parameters["keep"],
    )
    try:
        found = inspect(wanted)
        result: dict[str, Any] = {
            "changed": not found.converged,
            "path": str(wanted.folder),
            "version": parameters["version"],
            "id": wanted.id,
            "problems": found.problems,
        }
        if not found.converged:
            result["diff"] = difference(wanted, found, current_id(wanted))
        if not found.installed:
            check_space(wanted, parameters["installed_size"])
        if not found.converged and not module.check_mode:
            if not found.installed and not parameters["archive"] and not (parameters["url"] and parameters["sha256"]):
                module.exit_json(needs_archive=True, **result)
            converge(wanted, lambda: archive_of(parameters, wanted), parameters["sha256"])
        result["previous"] = previous(wanted)
    except BundleError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
