"""The mutants of a file: the operators of mutmut, applied to the bodies of all functions, one at a time."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

NOT_MUTATED = {"len", "isinstance"}  # calls that mutmut leaves alone, too


@dataclass(frozen=True)
class Mutant:
    """One change of a file: `path` is relative to the repository; what it changes starts in `line`.

    `first` to `last` are the lines of the statement around it, by which the tests that reach it are found.
    """

    path: str
    number: int
    line: int
    first: int
    last: int
    function: str
    was: str
    now: str
    code: str = field(repr=False)

    @property
    def key(self) -> tuple[str, int]:
        return self.path, self.number

    @property
    def change(self) -> str:
        return " ".join(f"{self.was} -> {self.now}".split())


class _Changes(cst.CSTVisitor):
    """Collects what the operators make of the nodes in functions, without annotations, decorators and defaults."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, path: str, module: cst.Module) -> None:
        super().__init__()
        self.found: dict[str, Mutant] = {}
        self._path, self._module, self._source = path, module, module.code
        self._starts = [0, *(match.end() for match in re.finditer("\n", self._source))]
        self._names: list[str] = []
        self._depth = 0
        self._statement: CodeRange | None = None

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:  # noqa: N802
        self._names.append(node.name.value)
        self._depth += 1
        node.body.visit(self)
        self._depth -= 1
        self._names.pop()
        return False

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:  # noqa: N802
        self._names.append(node.name.value)
        node.body.visit(self)
        self._names.pop()
        return False

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            return bool(super().on_visit(node))
        if isinstance(node, cst.Annotation):
            return False
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value in NOT_MUTATED:
            return False
        where = self.get_metadata(PositionProvider, node, None)
        if isinstance(node, cst.SimpleStatementLine):
            self._statement = where
        if self._depth and where is not None:
            operators = [operator for kind, operator in mutation_operators if isinstance(node, kind)]
            changes = [changed for operator in operators for changed in operator(node)]
            was = self._module.code_for_node(_bare(node)) if changes else ""
            for changed in changes:
                self._add(node, changed, where, was)
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.SimpleStatementLine):
            self._statement = None
        super().on_leave(original_node)

    def _add(self, node: cst.CSTNode, changed: cst.CSTNode, where: CodeRange, was: str) -> None:
        start, end = (self._starts[at.line - 1] + at.column for at in (where.start, where.end))
        now = self._module.code_for_node(_bare(changed))
        if self._source[start:end] == was:
            code = self._source[:start] + now + self._source[end:]
        else:
            code = cst.ensure_type(self._module.deep_replace(node, changed), cst.Module).code
        if code != self._source and code not in self.found:
            around, function = self._statement or where, ".".join(self._names)
            lines = where.start.line, around.start.line, around.end.line
            self.found[code] = Mutant(self._path, len(self.found) + 1, *lines, function, was, now, code)


def _bare(node: cst.CSTNode) -> cst.CSTNode:
    """Return an expression without the parentheses around it, as its position is without them."""
    return node.with_changes(lpar=[], rpar=[]) if isinstance(node, cst.BaseExpression) else node


def mutants(root: Path, path: str) -> list[Mutant]:
    """Return the mutants of a file of the repository, in the order of their lines."""
    wrapper = MetadataWrapper(cst.parse_module((root / path).read_text()))
    changes = _Changes(path, wrapper.module)
    wrapper.visit(changes)
    return list(changes.found.values())
