"""Where Parsl finds its nodes: a file of TOML for each machine."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from ebmark.errors import UserError, shown, unknown
from ebmark.system.reading import read_toml

Count = Annotated[int, pydantic.Field(ge=1)]
_SHIPPED = Path(__file__).parent / "sites"


class Site(pydantic.BaseModel):
    """What a scheduler is asked for, and what is started on the nodes that it gives."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    title: str = ""
    tested: bool = False  # whether we have run it, or only read the facility's documentation
    source: str = ""  # of what it says
    needs: tuple[str, ...] = ()  # keys that only the user knows
    scheduler: Literal["local", "slurm", "pbspro"] = "local"

    blocks: Count = 1  # jobs at a time, at most
    nodes: Count = 1  # of a job
    walltime: Annotated[str, pydantic.Field(pattern=r"^\d+:\d\d:\d\d$")] = "01:00:00"
    account: str = ""
    queue: str = ""  # SLURM's partition
    qos: str = ""  # SLURM's
    constraint: str = ""  # SLURM's
    exclusive: bool = True  # SLURM: whole nodes
    select: str = ""  # PBS: what is added to the select line
    directives: tuple[str, ...] = ()  # further lines such as "#PBS -l filesystems=home"
    setup: tuple[
        str, ...
    ] = ()  # commands of the shell on each job's first node, before the workers

    python: str = ""  # of the nodes, such as /tmp/env/bin/python; that of the command if not given
    launcher: Literal["single", "srun", "mpiexec"] = "single"  # what starts a node's workers
    launcher_options: str = ""
    interface: str = ""  # the network between the nodes and the command, such as hsn0

    workers: Count | None = None  # of a node; one a core if not given
    cores: Count | None = None  # of a node
    accelerators: Annotated[int, pydantic.Field(ge=0)] | tuple[str, ...] = 0  # a worker for each
    affinity: Annotated[
        str, pydantic.Field(pattern=r"^(none|block|block-reverse|alternating|list:.+)$")
    ] = "block"
    lost_after: Annotated[int, pydantic.Field(ge=10)] = 120  # seconds of silence: the node is lost

    @pydantic.model_validator(mode="after")
    def _fits(self):
        if self.nodes > 1 and self.launcher == "single":
            raise ValueError(
                'launcher: "single" serves one node; for more take "srun" or "mpiexec"'
            )
        if self.scheduler == "pbspro" and self.cores is None:
            raise ValueError("cores: PBS must be told how many of a node are wanted")
        return self


def shipped() -> list[str]:
    """The names of the sites that come with ebmark."""
    return sorted(path.stem for path in _SHIPPED.glob("*.toml"))


def own_folder() -> Path:
    """Where a person keeps her own sites: `~/.config/ebmark/sites`."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "ebmark" / "sites"


def load_site(name: str) -> Site:
    """The site of that name, or of that file. A person's own file goes before the shipped one.

    Her `NAME.toml` holds what differs from ours; a file of another name may name one as its `like`.
    """
    path = Path(name) if name.endswith(".toml") else own_folder() / f"{name}.toml"
    if path.suffix == ".toml" and path.exists():
        own = read_toml(path)
        like = own.pop("like", path.stem if path.stem in shipped() else None)
        if like is not None and like not in shipped():
            raise unknown(f"site in {path}: like =", shown(like), shipped())
        content, where = (read_toml(_SHIPPED / f"{like}.toml") if like else {}) | own, str(path)
    elif name in shipped():
        content, where = read_toml(_SHIPPED / f"{name}.toml"), f"site {name}"
    elif name.endswith(".toml"):
        raise UserError(
            f"{name}: there is no such file; a site is a TOML file or one of {', '.join(shipped())}"
        )
    else:
        raise unknown("site", name, [*shipped(), "a .toml file"])
    site = _validated(content, where)
    for key in site.needs:
        if not getattr(site, key):
            mend = path if path.exists() else own_folder() / f"{name}.toml"
            raise UserError(f'{where}: needs {key}; put {key} = "..." into {mend}')
    return site


def _validated(content: dict[str, Any], where: str) -> Site:
    for key in content:
        if key not in Site.model_fields:
            raise unknown(f"key in {where}:", key, Site.model_fields)
    try:
        site = Site(**content)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:
            raise UserError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None
        key = ".".join(str(part) for part in first["loc"][:1])
        wanted = re.sub("Input should |String should ", "must ", first["msg"])
        raise UserError(
            f"{where}: {key}: {wanted}, not {shown(repr(first['input']), 80)}"
        ) from None
    for key in site.needs:
        if key not in Site.model_fields:
            raise unknown(f"key in {where}: needs", key, Site.model_fields)
    return site
