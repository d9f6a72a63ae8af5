"""The house's rules, read off the source: who imports whom, what lives where, what is never done.

Imports inside functions count too. A new module or library fails here until it has a place in the
tables below, which is the moment to think about which.
"""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import headstart
from headstart.registry import STRATEGIES

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "headstart"
FILES = sorted(SOURCE.rglob("*.py"))
CODE = sorted(
    path for folder in ("src", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")
)

FLOORS = {
    # The ground: words and numbers, no torch.
    0: {
        "asked",
        "counting",
        "defaults",
        "errors",
        "metrics",
        "normalise",
        "places",
        "progress",
        "ragged",
        "registry",
        "schedule",
        "schema",
        "tokenized",
    },
    # The outside world: siblings that never import each other. A report is made of plain data.
    1: {"backbones", "dataset", "examples", "modalities", "report"},
    # Learning.
    2: {
        "activations",
        "adapters",
        "alongside",
        "by_stage",
        "calibrate",
        "cost",
        "devices",
        "domain",
        "executor",
        "features",
        "forgetting",
        "freezing",
        "heads",
        "job",
        "journal",
        "keep",
        "learn",
        "matrix",
        "memory",
        "mirrors",
        "model",
        "model_folder",
        "norms",
        "novelty",
        "plain",
        "patches",
        "precision",
        "segment",
        "speech",
        "store",
        "strategies",
        "tasks",
        "teaching",
        "trainer",
        "writing",
        "validation",
        "watch",
    },
    # The verbs.
    3: {"check", "choose", "evaluate", "explain", "fit", "opening", "race", "recognise", "resume"},
    # The faces. `headstart` itself loads its names lazily from every floor.
    4: {"cli", "sklearn"},
}
FLOOR_OF = {name: floor for floor, names in FLOORS.items() for name in names}

ANYWHERE = {"numpy", "torch", "safetensors"}
HOMES = {
    "accelerate": {"devices"},
    "PIL": {"examples", "modalities"},
    "click": {"cli"},
    "huggingface_hub": {"backbones"},
    "jinja2": {"report"},
    "jiwer": {"metrics"},
    "markupsafe": {"report"},
    "matplotlib": {"report"},
    "peft": {"adapters"},
    "pyarrow": {"dataset"},
    "rich": {"cli"},
    "scipy": {"metrics"},
    "sklearn": {"sklearn", "plain"},
    "soundfile": {"modalities"},
    "soxr": {"modalities"},
    "timm": {"backbones"},
    "tokenizers": {"modalities"},
    "torchvision": {"backbones"},
    "transformers": {"backbones"},
    "typer": {"cli"},
}
SLOW = {"accelerate", "matplotlib", "peft", "timm", "transformers", "torchvision"}

PICKLERS = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
PUBLIC = [
    "HeadstartError",
    "Model",
    "Prediction",
    "Race",
    "__version__",
    "check",
    "evaluate",
    "explain",
    "fit",
    "load",
    "race",
]


@cache
def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def part_of(path):
    """Return the package or module directly below headstart that a file belongs to."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports_of(path):
    """Yield (dotted name, node) of everything a file imports, wherever it does."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node


def top_imports(path):
    """Return the import statements that run when the file is loaded."""
    return [node for node in parse(path).body if isinstance(node, ast.Import | ast.ImportFrom)]


def parts_imported(path):
    for name, _ in imports_of(path):
        top, _, rest = name.partition(".")
        if top == "headstart" and rest.split(".")[0] not in ("", "__version__"):
            yield rest.split(".")[0]


def reached_from(part):
    """Return every part that a part imports, directly or through others."""
    seen, todo = set(), [part]
    while todo:
        for path in FILES:
            if part_of(path) == todo[0]:
                new = set(parts_imported(path)) - seen
                seen |= new
                todo += new
        todo.pop(0)
    return seen


def test_every_module_has_its_floor():
    parts = {part_of(path) for path in FILES} - {"__init__"}
    assert parts == set(FLOOR_OF), "give the module a floor in FLOORS, or take the old one out"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_downward(path):
    part = part_of(path)
    if part == "__init__":
        return
    for other in set(parts_imported(path)) - {part}:
        assert FLOOR_OF[other] <= FLOOR_OF[part], f"{part} imports {other} from a floor above"
        siblings = FLOOR_OF[part] == FLOOR_OF[other] == 1
        assert not siblings, f"{part} and {other} are siblings and must meet through plain data"


def test_no_circle_between_parts_when_they_are_loaded():
    """Imports at the top of files make no circle; those inside functions may look back."""
    edges = {}
    for path in FILES:
        top = top_imports(path)
        wanted = {
            name.split(".")[1]
            for name, node in imports_of(path)
            if node in top and name.startswith("headstart.")
        }
        edges.setdefault(part_of(path), set()).update(wanted - {part_of(path), "__version__"})
    finished = set()

    def visit(part, above):
        assert part not in above, f"a circle of imports: {' -> '.join([*above, part])}"
        if part not in finished:
            for other in edges.get(part, ()):
                visit(other, [*above, part])
            finished.add(part)

    for part in edges:
        visit(part, [])


def test_strategies_never_train():
    allowed = {"defaults", "errors", "registry", "schema", "strategies"}
    for path in (SOURCE / "strategies").glob("*.py"):
        assert set(parts_imported(path)) <= allowed, path.name
        assert not any(name.split(".")[0] == "torch" for name, _ in imports_of(path)), path.name


def test_the_trainer_knows_no_strategy_and_no_data_set():
    path = SOURCE / "trainer.py"
    above = {"strategies", "dataset", "registry", "learn", "fit"}
    assert not above & set(parts_imported(path))
    texts = {node.value for node in ast.walk(parse(path)) if isinstance(node, ast.Constant)}
    assert not texts & set(STRATEGIES.names())


def test_a_model_needs_no_training_code():
    assert not {"trainer", "strategies", "learn", "fit", "freezing"} & reached_from("model")


def test_faces_render_plain_data():
    assert reached_from("report") - {"report"} <= FLOORS[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_each_library_is_imported_in_one_place(path):
    for name, node in imports_of(path):
        library = name.split(".")[0]
        if library in sys.stdlib_module_names or library in {*ANYWHERE, "headstart"}:
            continue
        assert library in HOMES, f"{library} has no home yet"
        assert part_of(path) in HOMES[library], f"{library} is imported in {part_of(path)}"
        if library in SLOW:
            assert node not in parse(path).body, f"{library} is slow: import it where it is used"


@pytest.mark.parametrize("part", sorted(FLOORS[0] | {"dataset", "report", "cli"}))
def test_the_light_parts_need_no_torch(part):
    for path in FILES:
        if part_of(path) == part:
            top = [
                node for node in parse(path).body if isinstance(node, ast.ImportFrom | ast.Import)
            ]
            named = {name.split(".")[0] for name, node in imports_of(path) if node in top}
            assert "torch" not in named, path.name


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_nothing_read_is_ever_run(path):
    for name, _ in imports_of(path):
        assert name.split(".")[0] not in PICKLERS, f"{path.name} imports {name}"
        assert name not in ("torch.load", "numpy.load"), f"{path.name} imports {name}"
    for node in ast.walk(parse(path)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        assert called not in {"eval", "exec", "compile", "__import__", "torch.load", "torch.save"}
        for keyword in node.keywords:
            if keyword.arg in ("trust_remote_code", "allow_pickle"):
                assert ast.unparse(keyword.value) == "False", f"{path.name}: {keyword.arg}"
            if called in ("np.load", "numpy.load"):
                assert keyword.arg != "allow_pickle" or ast.unparse(keyword.value) == "False"


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_small_and_lines_short(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 400, "two subjects: make it two files"
    assert max(map(len, lines), default=0) <= 100
    assert path.stem not in ("utils", "util", "helpers", "helper", "common", "misc")


def run_python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_headstart_is_light():
    code = "import headstart, sys; print(sorted({'torch', 'numpy', 'rich'} & set(sys.modules)))"
    assert run_python(code).strip() == "[]"


@pytest.mark.parametrize(("word", "said"), [("--help", "fit"), ("backbones", "bundled/image")])
def test_what_only_lists_is_light(word, said):
    code = f"""
import sys
from headstart.cli import main
sys.argv = ["headstart", "{word}"]
try:
    main()
except SystemExit as left:
    assert not left.code
heavy = {{"torch", "sklearn", "pyarrow", "PIL", "timm", "transformers"}} & set(sys.modules)
assert not heavy, heavy
"""
    assert said in run_python(code)


def test_the_public_names():
    assert headstart.__all__ == PUBLIC
    assert dir(headstart) == sorted(PUBLIC)
    for name in PUBLIC:
        assert getattr(headstart, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'train'"):
        headstart.train
