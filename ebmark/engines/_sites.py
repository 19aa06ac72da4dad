"""Sites: TOML files that describe the machines on which Parsl finds its nodes."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from ebmark.errors import UserError, shown, unknown
from ebmark.system import threads
from ebmark.system.reading import read_toml

Count = Annotated[int, pydantic.Field(ge=1)]
_AFFINITY = r"^(none|block|block-reverse|alternating|list:.+)$"
_SHIPPED = Path(__file__).parent / "sites"


class Site(pydantic.BaseModel):
    """The jobs to request from a scheduler, and what to start on their nodes.

    Attributes:
        title: one line that describes the site.
        tested: whether ebmark was run there; if not, only its documentation was read.
        source: the documentation.
        needs: keys that the user must set.
        scheduler: how jobs are submitted.
        blocks: the maximal number of simultaneous jobs.
        nodes: the number of nodes per job.
        walltime: the time limit of a job, as HOURS:MM:SS.
        account: the account that is charged.
        queue: the queue of PBS, or the partition of SLURM.
        qos: the quality of service of SLURM.
        constraint: the constraint of SLURM.
        exclusive: for SLURM, whether jobs get whole nodes.
        select: for PBS, an addition to the select line.
        directives: further lines of the job script, such as "#PBS -l filesystems=home".
        setup: shell commands that run on the first node of each job before the workers start.
        python: the Python of the nodes, such as /tmp/env/bin/python; default: that of the command.
        launcher: the command that starts the workers of a node.
        launcher_options: its options.
        interface: the network between the nodes and the command, such as hsn0.
        workers: the number of workers per node; by default one per core.
        cores: the number of cores per node.
        accelerators: the number or the names of the accelerators per node; each gets one worker.
        affinity: the cores of a worker, as Parsl's `cpu_affinity`.
        lost_after: seconds without heartbeat after which a node is lost.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    title: str = ""
    tested: bool = False
    source: str = ""
    needs: tuple[str, ...] = ()
    scheduler: Literal["local", "slurm", "pbspro"] = "local"

    blocks: Count = 1
    nodes: Count = 1
    walltime: Annotated[str, pydantic.Field(pattern=r"^\d+:\d\d:\d\d$")] = "01:00:00"
    account: str = ""
    queue: str = ""
    qos: str = ""
    constraint: str = ""
    exclusive: bool = True
    select: str = ""
    directives: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()

    python: str = ""
    launcher: Literal["single", "srun", "mpiexec"] = "single"
    launcher_options: str = ""
    interface: str = ""

    workers: Count | None = None
    cores: Count | None = None
    accelerators: Annotated[int, pydantic.Field(ge=0)] | tuple[str, ...] = 0
    affinity: Annotated[str, pydantic.Field(pattern=_AFFINITY)] = "block"
    lost_after: Annotated[int, pydantic.Field(ge=10)] = 120

    @pydantic.model_validator(mode="after")
    def _check_combinations(self) -> "Site":
        if self.nodes > 1 and self.launcher == "single":
            raise ValueError(
                "'launcher' must be 'srun' or 'mpiexec' for more than one node, got 'single'"
            )
        if self.scheduler == "pbspro" and self.cores is None:
            raise ValueError("'cores' (per node) is required with scheduler = \"pbspro\"")
        return self


def shipped() -> list[str]:
    """Return the names of the sites that are part of ebmark."""
    return sorted(path.stem for path in _SHIPPED.glob("*.toml"))


def user_folder() -> Path:
    """Return the folder of the user's sites: `~/.config/ebmark/sites`."""
    return threads.user_folder("XDG_CONFIG_HOME", ".config") / "ebmark" / "sites"


def load_site(name: str) -> Site:
    """Return the site of that name or file.

    The user's file NAME.toml contains the keys in which it differs from the shipped site NAME. A
    file of another name can name a shipped site as `like`.

    Args:
        name: the name of a site, or a path that ends in .toml.

    Raises:
        UserError: there is no such site, a value is not valid, or a key that it needs is not set.
    """
    is_path = name.endswith(".toml")
    path = Path(name) if is_path else user_folder() / f"{name}.toml"
    if path.exists():
        origin = str(path)
        content = _read_user_site(path)
    elif name in shipped():
        origin = f"site {name}"
        content = read_toml(_SHIPPED / f"{name}.toml")
    elif is_path:
        raise UserError(
            f"{name}: there is no such file. A site is a TOML file or one of "
            f"{', '.join(shipped())}."
        )
    else:
        raise unknown("site", name, [*shipped(), "a .toml file"])
    site = _validate(content, origin)
    for key in site.needs:
        if not getattr(site, key):
            file = path if path.exists() else user_folder() / f"{name}.toml"
            raise UserError(f"{origin}: '{key}' is missing. Add {key} = \"...\" to {file}.")
    return site


def _read_user_site(path: Path) -> dict[str, Any]:
    """Return the content of a user's file, completed by the shipped site that it resembles."""
    content = read_toml(path)
    like = content.pop("like", path.stem if path.stem in shipped() else None)
    if like is None:
        return content
    if like not in shipped():
        raise unknown(f"value of 'like' in {path}:", shown(like), shipped())
    return {**read_toml(_SHIPPED / f"{like}.toml"), **content}


def _validate(content: dict[str, Any], origin: str) -> Site:
    """Return the site, or raise UserError for the first key or value that is not valid."""
    for key in content:
        if key not in Site.model_fields:
            raise unknown(f"key in {origin}:", key, Site.model_fields)
    try:
        site = Site(**content)
    except pydantic.ValidationError as error:
        raise UserError(f"{origin}: {_describe(error)}.") from None
    for key in site.needs:
        if key not in Site.model_fields:
            raise unknown(f"key in 'needs' of {origin}:", key, Site.model_fields)
    return site


def _describe(error: pydantic.ValidationError) -> str:
    first = error.errors()[0]
    if not first["loc"]:
        return first["msg"].removeprefix("Value error, ")
    rule = re.sub("Input should |String should ", "must ", first["msg"])
    return f"'{first['loc'][0]}' {rule}, got {shown(repr(first['input']), 80)}"
