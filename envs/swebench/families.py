"""The data sets of the SWE-bench family: where each lies, how its published images are called and laid out.

Sources: the SWE-bench harness 4 (`TestSpec.instance_image_key`), SWE-bench-Live (`get_default_image_name`),
OpenHands' runner for SWE-Gym, SWE-smith (`RepoProfile.image_name`), and the rows of SWE-rebench, SWE-bench
Pro and R2E-Gym. SWE-bench-Live, SWE-Gym and SWE-rebench publish for x86_64 only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envs.swebench.live import RULE

if TYPE_CHECKING:
    from envs.swebench.rows import Row

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CONDA = {
    "PATH": f"/opt/miniconda3/envs/testbed/bin:/opt/miniconda3/bin:{_SYSTEM_PATH}",
    "CONDA_PREFIX": "/opt/miniconda3/envs/testbed",
    "CONDA_DEFAULT_ENV": "testbed",
}
_R2E_HIDDEN = (
    "r2e_tests",
    "run_tests.sh",
    "/r2e_tests",
    "/root/r2e_tests",
    "/root/run_tests.sh",
    "/run_tests.sh",
)


@dataclass(frozen=True, slots=True)
class Family:
    """One data set.

    `dataset` and `split` are its names on the hub; `image` gives an instance's published image by the row and
    the processor (`x86_64`, `arm64`), empty where there is none. `workdir`, `env`, `hidden` and `grades_as`
    say how those images are laid out; see `envs.task.Environment`.
    """

    dataset: str
    image: Callable[[Row, str], str]
    split: str = "test"
    config: str = ""
    workdir: str = "/testbed"
    env: Mapping[str, str] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    grades_as: str = "root"
    rule: str = "swebench"
    description: str = ""


def _official(row: Row, processor: str) -> str:
    name = row.instance_id.lower().replace("__", "_1776_")
    return row.image or f"swebench/sweb.eval.{processor}.{name}:latest"


def _live(row: Row, _: str) -> str:
    name = row.instance_id.lower().replace("__", "_1776_")
    return _named(row, "") or f"starryzhang/sweb.eval.x86_64.{name}:latest"


def _gym(row: Row, _: str) -> str:
    name = row.instance_id.lower().replace("__", "_s_")
    return _named(row, "") or f"xingyaoww/sweb.eval.x86_64.{name}:latest"


def _smith(row: Row, processor: str) -> str:
    """Return the image of the row's repository, which its instances share.

    Rows of older revisions name it without the owner, and with the underscores that registries refuse.
    """
    repository = row.repo.rpartition("/")[2].lower()
    name = (row.image_name or f"swesmith.{processor}.{repository}").replace("__", "_1776_")
    return row.image or (name if "/" in name else f"swebench/{name}")


def _rebench(row: Row, _: str) -> str:
    name = row.instance_id.lower().replace("__", "_1776_")
    return _named(row, "") or f"swerebench/sweb.eval.x86_64.{name}:latest"


def _pro(row: Row, _: str) -> str:
    return row.image or (f"jefzda/sweap-images:{row.dockerhub_tag}" if row.dockerhub_tag else "")


def _named(row: Row, _: str) -> str:
    return row.image or row.docker_image or row.image_name


FAMILIES: Mapping[str, Family] = {
    "full": Family(
        "SWE-bench/SWE-bench", _official, env=_CONDA, description="2,294 issues, 12 Python projects"
    ),
    "lite": Family(
        "SWE-bench/SWE-bench_Lite", _official, env=_CONDA, description="300 self-contained ones of full"
    ),
    "verified": Family(
        "SWE-bench/SWE-bench_Verified", _official, env=_CONDA, description="500 of full that people checked"
    ),
    "multilingual": Family(
        "SWE-bench/SWE-bench_Multilingual", _official, description="300 issues in 9 languages"
    ),
    "multimodal": Family(
        "SWE-bench/SWE-bench_Multimodal",
        _official,
        split="dev",
        description="JavaScript issues; text part only",
    ),
    "live": Family(
        "SWE-bench-Live/SWE-bench-Live",
        _live,
        split="full",
        rule=RULE,
        description="issues newer than the models, monthly",
    ),
    "gym": Family("SWE-Gym/SWE-Gym", _gym, split="train", env=_CONDA, description="2,438 issues to train on"),
    "smith": Family(
        "SWE-bench/SWE-smith", _smith, split="train", env=_CONDA, description="50,000 made bugs to train on"
    ),
    "rebench": Family(
        "nebius/SWE-rebench", _rebench, env=_CONDA, description="21,000 issues, collected automatically"
    ),
    "pro": Family(
        "ScaleAI/SWE-bench_Pro",
        _pro,
        workdir="/app",
        description="731 long tasks; graded with a checkout of its repository",
    ),
    "r2e": Family(
        "R2E-Gym/R2E-Gym-Lite",
        _named,
        split="train",
        env={"PATH": f"/testbed/.venv/bin:/root/.local/bin:{_SYSTEM_PATH}", "VIRTUAL_ENV": "/testbed/.venv"},
        hidden=_R2E_HIDDEN,
        rule="r2e",
        description="commits of 10 Python projects",
    ),
    "rows": Family("", _named, grades_as="agent", description="a file of rows of one's own"),
}
"""By short name; `rows` is for files of one's own, which name their images or are built."""
