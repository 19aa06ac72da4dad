"""Sites: TOML files that describe where Parsl finds its nodes, and what it requests."""

import pytest

from ebmark.engines._sites import Site, load_site, shipped
from ebmark.errors import UserError


@pytest.fixture
def user_folder(tmp_path, monkeypatch):
    """The folder of the user's sites, which is empty."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "ebmark" / "sites"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("name", shipped())
def test_shipped_site_is_complete(user_folder, name):
    """It names its documentation; only two sites were tested on a real machine."""
    (user_folder / f"{name}.toml").write_text('account = "m0000"')
    site = load_site(name)
    assert site.title and site.account == "m0000"
    assert site.source or site.scheduler == "local"
    if site.tested:
        assert name in ("laptop", "slurm")


def test_shipped_sites_are_those_of_the_manual():
    names = {"laptop", "workstation-gpu", "slurm", "polaris", "aurora", "perlmutter"}
    assert set(shipped()) == names


def test_user_site_overrides_shipped_keys(user_folder, tmp_path):
    (user_folder / "polaris.toml").write_text('account = "mine"\nwalltime = "3:00:00"')
    site = load_site("polaris")
    assert (site.account, site.walltime, site.queue) == ("mine", "3:00:00", "prod")
    (tmp_path / "two.toml").write_text('like = "aurora"\naccount = "mine"\naccelerators = []')
    site = load_site(str(tmp_path / "two.toml"))
    assert site.scheduler == "pbspro" and site.accelerators == () and site.cores == 208
    (tmp_path / "bare.toml").write_text("workers = 3")
    assert load_site(str(tmp_path / "bare.toml")) == Site(workers=3)


# content -> parts of the message, in which {} is the path
MISTAKES = {
    "wall = 3": ["Unknown key in {}: 'wall'.", "Did you mean 'walltime'?"],
    'walltime = "an hour"': ["{}: 'walltime' must match pattern", "got 'an hour'."],
    "nodes = 0": ["{}: 'nodes' must be greater than or equal to 1, got 0."],
    'scheduler = "lsf"': ["{}: 'scheduler' must be 'local', 'slurm' or 'pbspro', got 'lsf'."],
    "workers = ": ["{}: not TOML"],
    "nodes = 2": ["{}: 'launcher' must be 'srun' or 'mpiexec' for more than one node"],
    'scheduler = "pbspro"': ["{}: 'cores' (per node) is required"],
    'like = "polaris"': ["{}: 'account' is missing. Add account = \"...\" to {}."],
    'like = "palaris"': ["Did you mean 'polaris'?"],
    'needs = ["acount"]': ["Unknown key in 'needs' of {}: 'acount'.", "Did you mean 'account'?"],
}


@pytest.mark.parametrize("content", MISTAKES)
def test_mistake_in_site_names_the_key(user_folder, tmp_path, content):
    path = tmp_path / "my.toml"
    path.write_text(content)
    with pytest.raises(UserError) as error:
        load_site(str(path))
    assert "\n" not in str(error.value)
    for part in MISTAKES[content]:
        assert part.replace("{}", str(path)) in str(error.value)


def test_unknown_site_suggests_nearest(user_folder):
    with pytest.raises(UserError, match="Did you mean 'aurora'"):
        load_site("auroa")
    with pytest.raises(UserError, match="there is no such file"):
        load_site("auroa.toml")
    with pytest.raises(UserError, match="polaris: 'account' is missing"):
        load_site("polaris")
