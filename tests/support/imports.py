"""What the project's files import, read from their syntax trees: at the top, inside functions, through importlib."""

import ast
import functools
from pathlib import Path

PLACES = ("app.py", "emorec", "hub", "train")


def project_files(root):
    """{module name: path} of all files of the project under ``root``; a package goes by its own name."""
    files = {}
    for place in PLACES:
        found = (root / place).rglob("*.py") if (root / place).is_dir() else [root / place]
        files |= {module_name(path.relative_to(root)): path for path in found if path.exists()}
    return files


def module_name(path):
    """``emorec/media/streams.py`` -> ``emorec.media.streams``, ``emorec/__init__.py`` -> ``emorec``."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_by(module, path, modules):
    """Dotted names of what a file imports.

    ``from a import b`` is ``a.b`` where that is one of ``modules``, and ``a`` otherwise: a name taken out of ``a``.
    """
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    names = set()
    for level, base, taken in _imports(Path(path).read_text()):
        base = _absolute(level, base, package)
        names |= {f"{base}.{name}" if f"{base}.{name}" in modules else base for name in taken} if taken else {base}
    return names


@functools.cache
def _imports(text):
    """(level, module, names that are taken out of it) of each import of a file; several tests look at every file."""
    found = set()
    for node in nodes(text):
        if isinstance(node, ast.Import):
            found |= {(0, alias.name, ()) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.level, node.module, tuple(alias.name for alias in node.names)))
        elif isinstance(node, ast.Call) and _name_of_call(node) in {"import_module", "__import__"}:
            found |= {(0, argument.value, ()) for argument in node.args[:1] if isinstance(argument, ast.Constant)}
    return found


@functools.lru_cache(maxsize=1)
def nodes(text):
    """The nodes of a file's syntax tree. Some look at a file twice; to keep the trees of all would take much memory."""
    return list(ast.walk(ast.parse(text)))


def _absolute(level, module, package):
    if not level:
        return module
    base = package.split(".")[: len(package.split(".")) - level + 1]
    return ".".join([*base, *([module] if module else [])])


def _name_of_call(node):
    return getattr(node.func, "attr", getattr(node.func, "id", None))
