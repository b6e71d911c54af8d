"""`graph.explore()` in a real notebook: JupyterLab, a kernel, a mark, and the knowledge back."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

BUILD = """
import numpy as np
import pandas as pd
from IPython.display import HTML, display

import causalimg as ci

rng = np.random.default_rng(0)
age = rng.normal(size=400)
volume = age + rng.normal(size=400)
frame = pd.DataFrame({"age": age, "volume": volume, "contrast": volume + rng.normal(size=400)})
fitted = ci.PC(knowledge=ci.Knowledge(tiers=[["age"], ["volume", "contrast"]])).fit(frame)
view = fitted.graph_.explore(fitted=fitted)
display(HTML(view._repr_html_()))
view
"""
READ = """
again = ci.PC(knowledge=view.knowledge).fit(frame)
print("forbidden", view.knowledge.forbidden, "adjacent", again.graph_.adjacent("age", "volume"))
"""
SETTINGS = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
PATIENCE = 120_000  # [ms] a kernel imports the package on a busy machine


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory) -> Iterator[str]:
    """Address of a JupyterLab of its own, with the notebook in its folder."""
    for name in ("jupyterlab", "ipykernel", "anywidget"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    import nbformat

    home = tmp_path_factory.mktemp("lab")
    (home / "work").mkdir()
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in (BUILD, READ)]
    for k, cell in enumerate(cells):
        cell["id"] = f"cell{k}"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": {
        "name": "python3", "display_name": "Python 3", "language": "python",
    }}), home / "work" / "graph.ipynb")  # fmt: skip
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(SETTINGS))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folders = {
        f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")
    }
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
        f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=",
        f"--ServerApp.root_dir={home / 'work'}", f"--LabApp.user_settings_dir={home / 'settings'}",
        f"--LabApp.workspaces_dir={home / 'workspaces'}", "--LabApp.expose_app_in_browser=True",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.news_url=",
    ]  # fmt: skip
    log = home / "server.log"
    with log.open("w") as out:
        server = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, cwd=home,
            env={**os.environ, **folders, "IPYTHONDIR": str(home / "ipython")},
        )  # fmt: skip
        address = f"http://127.0.0.1:{port}"
        try:
            _wait_until_up(f"{address}/api/status", server, log)
            yield address
        finally:
            server.terminate()
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait_until_up(address: str, server: subprocess.Popen, log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + PATIENCE / 1000
    while True:
        try:
            with opener.open(address, timeout=5):
                return
        except OSError:
            if server.poll() is not None or time.monotonic() > end:
                pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.2)


def run_cell(page, k: int) -> None:
    """Run one cell and wait until the kernel has finished it."""
    page.evaluate(
        "async (k) => { const app = window.jupyterapp, panel = app.shell.currentWidget;"
        " await panel.context.ready; await panel.sessionContext.ready;"
        " panel.content.activeCellIndex = k; await app.commands.execute('notebook:run-cell'); }",
        k,
    )
    page.wait_for_function(
        "(k) => window.jupyterapp.shell.currentWidget.content.widgets[k].model.executionCount > 0"
        " && window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'",
        arg=k,
        timeout=PATIENCE,
    )


def test_a_mark_in_the_picture_comes_back_to_the_next_cell(open_page, lab):
    page = open_page(f"{lab}/doc/tree/graph.ipynb", offline=False)
    outside = []
    page.on(
        "request",
        lambda asked: (
            None if asked.url.startswith((lab, "blob:", "data:")) else outside.append(asked.url)
        ),
    )
    page.set_default_timeout(PATIENCE)
    page.wait_for_function(
        "() => window.jupyterapp && window.jupyterapp.shell.currentWidget"
        " && window.jupyterapp.shell.currentWidget.content.widgets",
        timeout=PATIENCE,
    )
    run_cell(page, 0)
    frame = page.frame_locator('iframe[title="Causal graph"]')
    frame.locator(".cgv-node").nth(2).wait_for()

    picture = page.locator(".jp-OutputArea-output .cgv").first
    picture.locator(".cgv-node").nth(2).wait_for()
    picture.locator('.cgv-node[aria-label^="age,"]').focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert picture.locator(".cgv-body h3").inner_text() == "volume"
    picture.get_by_role("tab", name="Edges").click()
    picture.locator(".cgv-link", has_text="age → volume").click()
    picture.get_by_label("forbid age → volume", exact=True).check()
    picture.get_by_role("tab", name="Knowledge (1)").wait_for()
    picture.get_by_label("require volume → age", exact=True).click()
    refused = picture.locator(".cgv-live.is-bad")
    refused.wait_for()
    assert (
        "volume -> age is required but 'volume' is in tier 1, after 'age'" in refused.inner_text()
    )

    run_cell(page, 1)
    said = page.locator(".jp-OutputArea-output", has_text="forbidden").last
    assert said.inner_text().strip() == "forbidden (('age', 'volume'),) adjacent False"
    assert not outside
