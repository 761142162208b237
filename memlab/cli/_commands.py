"""A command's parser, from the words at the head of its module; and commands that have parts, each a module."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


def described(commands: Any, name: str, module: ModuleType) -> argparse.ArgumentParser:
    """Add `name` to the `commands` of add_subparsers: the first paragraph is its help, the rest stands below."""
    title, _, details = (module.__doc__ or "").partition("\n\n")
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=title.strip().rstrip("."),
        description=title,
        epilog=details,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return command


def add_parts(parser: argparse.ArgumentParser, modules: Mapping[str, str]) -> None:
    """A parser for each part, with the options of its module in memlab.cli."""
    parts = parser.add_subparsers(dest="part", metavar="PART", required=True)
    for name, module_name in modules.items():
        module = import_module(f"memlab.cli.{module_name}")
        module.add_arguments(described(parts, name, module))


def run_part(args: argparse.Namespace, modules: Mapping[str, str]) -> int:
    """Hand over to the part that was asked for; its exit status."""
    status: int = import_module(f"memlab.cli.{modules[args.part]}").run(args)
    return status
