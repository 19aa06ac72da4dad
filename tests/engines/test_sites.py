"""Sites: files of TOML that say where Parsl finds its nodes, and what it then asks for."""

import pytest

from ebmark.engines._sites import Site, load_site, shipped
from ebmark.errors import UserError


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A person's own folder of sites; empty."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "ebmark" / "sites"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_site_is_whole_and_says_where_it_is_from(own, name):
    (own / f"{name}.toml").write_text('account = "m0000"')
    site = load_site(name)
    assert site.title and site.account == "m0000"
    assert site.source or site.scheduler == "local"
    if site.tested:  # nobody has run the others
        assert name in ("laptop", "slurm")


def test_there_are_sites_for_the_machines_that_the_manual_names():
    names = {"laptop", "workstation-gpu", "slurm", "polaris", "aurora", "perlmutter"}
    assert set(shipped()) == names


def test_a_persons_own_file_goes_before_the_shipped_one_key_by_key(own, tmp_path):
    (own / "polaris.toml").write_text('account = "mine"\nwalltime = "3:00:00"')
    site = load_site("polaris")
    assert (site.account, site.walltime, site.queue) == ("mine", "3:00:00", "prod")
    (tmp_path / "two.toml").write_text('like = "aurora"\naccount = "mine"\naccelerators = []')
    site = load_site(str(tmp_path / "two.toml"))
    assert site.scheduler == "pbspro" and site.accelerators == () and site.cores == 208
    (tmp_path / "bare.toml").write_text("workers = 3")
    assert load_site(str(tmp_path / "bare.toml")) == Site(workers=3)


MISTAKES = {
    "wall = 3": ['unknown key in {}: "wall"', 'did you mean "walltime"?'],
    'walltime = "an hour"': ["{}: walltime: must match pattern", "not 'an hour'"],
    "nodes = 0": ["{}: nodes: must be greater than or equal to 1, not 0"],
    'scheduler = "lsf"': ["{}: scheduler: must be 'local', 'slurm' or 'pbspro', not 'lsf'"],
    "workers = ": ["{}: not TOML"],
    "nodes = 2": ['{}: launcher: "single" serves one node'],
    'scheduler = "pbspro"': ["{}: cores: "],
    'like = "polaris"': ['{}: needs account; put account = "..." into {}'],
    'like = "palaris"': ['did you mean "polaris"?'],
}


@pytest.mark.parametrize("content", MISTAKES)
def test_a_mistake_in_a_site_is_one_line_that_names_the_key(own, tmp_path, content):
    path = tmp_path / "my.toml"
    path.write_text(content)
    with pytest.raises(UserError) as caught:
        load_site(str(path))
    assert "\n" not in str(caught.value)
    for words in MISTAKES[content]:
        assert words.replace("{}", str(path)) in str(caught.value)


def test_a_site_that_is_not_there_is_told_with_the_nearest(own):
    with pytest.raises(UserError, match='did you mean "aurora"'):
        load_site("auroa")
    with pytest.raises(UserError, match="there is no such file"):
        load_site("auroa.toml")
    with pytest.raises(UserError, match="polaris: needs account"):
        load_site("polaris")
