"""Fetches and packs the software bundles that go to the nodes.

A *bundle* is one archive with everything one component needs, described by a folder below `artifacts/`:
`bundle.toml` (what it is, how it is laid out), and a lock of each published file's name and SHA-256.

- `definition` reads a folder and derives the bundle's identity from its locks;
- `cache` knows where archives lie on the control machine, and proves them intact;
- `maven`, `wheels`, `sources` collect the files and verify each against its lock;
- `pack` writes them into one reproducible tar;
- `cli` is `./meteo fetch`.

`definition` and `cache` use the standard library alone: the Ansible action `meteo_bundle` imports them.
"""
