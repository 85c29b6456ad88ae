"""Fixtures: moto, and stacks on it that are closed in order."""

import os
import re
import sys
from pathlib import Path

import pytest
from processes import Child, free_port
from stack import Stack

FAILED = pytest.StashKey[bool]()
HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items):
    """What may take long begins first, so that workers end at the same time."""
    items.sort(key=lambda item: item.get_closest_marker("timeout") is None)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        item.stash[FAILED] = True


@pytest.fixture(scope="session")
def moto(tmp_path_factory):
    """The address of S3, SQS, SNS and DynamoDB."""
    port = free_port()
    log = tmp_path_factory.mktemp("moto") / "moto.log"
    child = Child([sys.executable, HERE / "moto_app.py", str(port)], log).wait_for_port(port)
    yield f"http://127.0.0.1:{port}"
    child.stop()


@pytest.fixture
def deploy(request, tmp_path, moto):
    """`deploy(rules="…toml…", tiers=[…])` makes a stack of the test's own; its functions must live to its end."""
    stacks = []

    def start(**options):
        directory = tmp_path / f"stack-{len(stacks)}"
        directory.mkdir()
        stacks.append(Stack(moto, directory, **options))
        return stacks[-1]

    yield start
    failed = request.node.stash.get(FAILED, False)
    for number, stack in enumerate(stacks):
        try:
            stack.close()
        except RuntimeError:
            failed = True
            raise
        finally:
            print(stack.logs())
            keep = os.environ.get("MINILAB_TEST_LOGS")
            if keep and failed:
                name = re.sub(r"[^\w.-]+", "_", f"{request.node.name}-{number}")
                Path(keep).mkdir(parents=True, exist_ok=True)
                (Path(keep) / f"{name}.log").write_text(stack.logs())


@pytest.fixture
def stack(deploy):
    """A stack with the usual rules."""
    return deploy()
