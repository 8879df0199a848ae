"""Exporting to parquet, with the real pyarrow."""

import io
import json

import pytest
from click.testing import CliRunner
from moving.databases import various
from store.stored import new_stored

from collector.cli.main import cli

pytestmark = pytest.mark.recipe


@pytest.fixture
def database(tmp_path, make_record):
    """A database with records of all kinds."""
    with new_stored(tmp_path / "logs.sqlite") as one:
        one.add(*[make_record(**each) for each in various(300)])
    return one.path


def export(database, *arguments):
    result = CliRunner().invoke(
        cli, ["export", "--db", str(database), *map(str, arguments)]
    )
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def read(file):
    import pyarrow.parquet as pq

    return pq.read_table(file)


def test_a_parquet_file_has_all_that_a_line_has(database, tmp_path):
    """Each row is what the same record is in JSON lines, `extra` as its text."""
    file = tmp_path / "out.parquet"
    export(database, "--to", file)
    lines = [json.loads(line) for line in export(database).stdout.splitlines()]
    found = read(file).to_pylist()

    for one in found:
        one["extra"] = one["extra"] and json.loads(one["extra"])
    assert found == lines


def test_row_groups_are_bounded(database, tmp_path, monkeypatch):
    """However many records there are, as many as a group has are in memory."""
    import pyarrow.parquet as pq

    monkeypatch.setattr("collector.moving.parquet.GROUP_ROWS", 100)
    monkeypatch.setattr("collector.store.exported.STEP_ROWS", 50)
    file = tmp_path / "out.parquet"
    export(database, "--to", file)

    assert pq.ParquetFile(file).metadata.num_row_groups == 3
    assert read(file)["id"].to_pylist() == list(range(1, 301))


def test_parquet_may_go_to_stdout(database):
    """A pipe gets the same file."""
    result = export(database, "-o", "parquet")

    assert read(io.BytesIO(result.stdout_bytes)).num_rows == 300


def test_nothing_found_is_a_file_without_rows(database, tmp_path):
    """It has its columns nevertheless."""
    file = tmp_path / "out.parquet"
    export(database, "nothing-has-this", "--to", file)

    table = read(file)
    assert table.num_rows == 0
    assert {"id", "created", "message", "extra", "started"} <= set(table.column_names)


def test_an_interrupted_one_is_begun_anew(database, tmp_path, monkeypatch):
    """What a parquet file holds is told at its end: there is nothing to go on with."""
    from collector.store.exported import Export

    steps = Export.steps

    def interrupted(self):
        yield next(steps(self))
        raise KeyboardInterrupt

    file = tmp_path / "out.parquet"
    with monkeypatch.context() as patched:
        patched.setattr(Export, "steps", interrupted)
        patched.setattr("collector.store.exported.STEP_ROWS", 50)
        patched.setattr("collector.moving.parquet.GROUP_ROWS", 50)
        result = CliRunner().invoke(
            cli, ["export", "--db", str(database), "--to", str(file)]
        )
        assert result.exit_code == 1
    assert not file.exists()
    export(database, "--to", file)
    assert read(file).num_rows == 300
