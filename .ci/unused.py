"""Report private names of modules that the module never reads, which vulture leaves out.

python .ci/unused.py FOLDER
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path


def unused(tree: ast.Module) -> Iterator[ast.Name]:
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            for node in ast.walk(statement):
                private = isinstance(node, ast.Name) and node.id.startswith("_") and not node.id.endswith("__")
                if private and node.id not in used:
                    yield node


def main(folder: str) -> int:
    found = [
        f"{file}:{name.lineno}: unused variable {name.id!r}"
        for file in sorted(Path(folder).rglob("*.py"))
        for name in unused(ast.parse(file.read_text(encoding="utf-8")))
    ]
    print("\n".join(found) or "No private name is unused.")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
