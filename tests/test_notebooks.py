"""Notebooks run from beginning to end, and show what the packages do instead of doing it themselves."""

import ast
import json
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest

from tests.servers.process import absent

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NEEDED = ("ipykernel", "matplotlib", "nbclient")
LONGEST_S = 300
"""For one cell on a loaded machine; each notebook takes seconds."""

names = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever Jupyter and matplotlib write down stays with the tests; where they are missing, this says so."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        absent(f"Notebooks need {', '.join(missing)}: install the extra `notebooks`, or run `make notebooks`.")
    folder = tmp_path_factory.getbasetemp() / "jupyter"
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
        place = folder / name.lower()
        place.mkdir(parents=True, exist_ok=True)
        monkeypatch.setenv(name, str(place))


def cells(notebook: Path, kind: str) -> list[str]:
    """The text of a notebook's cells of one kind."""
    told = json.loads(notebook.read_text())["cells"]
    return ["".join(cell["source"]) for cell in told if cell["cell_type"] == kind]


def test_there_are_notebooks() -> None:
    """The four that the documents name are there."""
    expected = ["01_a_stolen_token", "02_how_good_is_it", "03_tune_your_policy", "04_what_normal_looks_like"]
    assert expected == [path.stem for path in NOTEBOOKS]


@names
def test_a_notebook_has_no_logic_of_its_own(notebook: Path) -> None:
    """It defines no function and no class: what it shows is imported."""
    defined = [
        node.name
        for code in cells(notebook, "code")
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]

    assert [] == defined


@names
def test_a_notebook_is_mostly_prose(notebook: Path) -> None:
    """Before every cell of code stands a cell that says what it is for."""
    kinds = [cell["cell_type"] for cell in json.loads(notebook.read_text())["cells"]]

    assert "markdown" == kinds[0]
    assert ("code", "code") not in set(pairwise(kinds))


@pytest.mark.slow
@names
@pytest.mark.usefixtures("own_folders")
def test_a_notebook_runs(notebook: Path) -> None:
    """Every cell runs, and it draws at least one picture."""
    import nbformat  # noqa: PLC0415 - the extra may be missing
    from nbclient import NotebookClient  # noqa: PLC0415 - likewise

    document = nbformat.reads(notebook.read_text(), as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(document, timeout=LONGEST_S, resources={"metadata": {"path": str(ROOT)}}).execute()

    drawn = [out for cell in document.cells for out in cell.get("outputs", ()) if "image/png" in out.get("data", {})]
    assert drawn
