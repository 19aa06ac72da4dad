"""A fixture of the tests of user data: it writes a file and reads its points."""

import pytest

from ebmark.datasets.tables import read_points


@pytest.fixture
def read(tmp_path):
    """Write the content under a name, and read the points in it."""

    def write_and_read(content, name="points.csv", **options):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_points(path, **options)

    return write_and_read
