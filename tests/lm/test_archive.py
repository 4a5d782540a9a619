"""A run as a zip file and back, and zip files of strangers, which are refused in one sentence."""

import io
import json
import shutil
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from lm.errors import RunProblem
from lm.ladder import RUNGS
from lm.runs import archive, label, recording, zip_checks
from lm.runs.facts import facts
from lm.training.events import Step
from lm.training.loop import train
from tests.lm.recorded import resume

BIGRAM = RUNGS["bigram"]


def contents(directory):
    """Every file by its place."""
    found = Path(directory).rglob("*")
    return {str(p.relative_to(directory)): p.read_bytes() for p in found if p.is_file()}


@pytest.fixture
def packed(trained, tmp_path):
    archive.export_run(trained, tmp_path / "run.zip")
    return tmp_path / "run.zip"


@pytest.fixture
def members(packed):
    """The members of a whole archive, without their top folder."""
    with zipfile.ZipFile(packed) as file:
        return {info.filename.split("/", 1)[1]: file.read(info) for info in file.infolist()}


def zipped(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def refused(file, tmp_path):
    """The one sentence; nothing is left behind."""
    folder = tmp_path / "imported"
    folder.mkdir(exist_ok=True)
    with pytest.raises(RunProblem) as problem:
        archive.import_run(file, folder)
    assert list(folder.iterdir()) == []
    assert list(tmp_path.rglob("*evil*")) == []
    assert "\n" not in str(problem.value)
    assert str(tmp_path / "imported") not in str(problem.value)
    return str(problem.value)


# There and back


def test_a_run_comes_back_whole(trained, packed, tmp_path):
    before = contents(trained.directory)
    run = archive.import_run(packed, tmp_path / "imported")
    after = contents(run.directory)
    different = {name for name in before.keys() & after.keys() if before[name] != after[name]}
    assert different <= {"run.json", "status.json"}
    assert before.keys() - after.keys() <= {"lock"}
    assert run.plan == trained.plan
    assert run.status() == trained.status()
    assert facts(run).judged == facts(trained).judged
    assert run.directory.name.startswith("decoder_transformer-imported-")


def test_each_import_gets_a_directory_of_its_own(packed, tmp_path):
    found = {archive.import_run(packed, tmp_path / "imported").directory for _ in range(3)}
    assert len(found) == 3
    named = archive.import_run(packed, tmp_path, "mine")
    assert named.directory == tmp_path / "mine"
    with pytest.raises(RunProblem, match="already exists"):
        archive.import_run(packed, tmp_path, "mine")


def test_a_label_comes_along_and_the_path_of_the_text_does_not(on_a_file, tmp_path):
    """The path names a folder of this machine, and often its owner."""
    path, run = on_a_file
    label.write(run.directory, "the cat", "sat")
    archive.export_run(run, tmp_path / "run.zip")
    with zipfile.ZipFile(tmp_path / "run.zip") as file:
        assert not [name for name in file.namelist() if str(path).encode() in file.read(name)]
    again = archive.import_run(tmp_path / "run.zip", tmp_path / "in")
    assert again.record.corpus.path is None
    assert facts(again).name == "the cat"
    assert again.corpus(str(path)).sha256 == run.record.corpus.sha256


def test_a_path_in_a_strangers_run_is_forgotten(members, tmp_path):
    """Else it would be opened on this machine, and the answers would tell what there is."""
    record = json.loads(members["run.json"])
    record["corpus"]["path"] = "/etc/passwd"
    del record["checksum"]
    file = zipped(tmp_path / "x.zip", members | {"run.json": json.dumps(record)})
    assert archive.import_run(file, tmp_path / "in").record.corpus.path is None


def test_a_stopped_run_goes_on_where_it_is_imported(begin, data, tiny_plan, tmp_path):
    run = begin(tmp_path / "run", tiny_plan(BIGRAM))
    events = recording.record(run, train(run.plan, data))
    for event in events:
        if isinstance(event, Step) and event.step == 7:
            archive.export_run(run, tmp_path / "live.zip")  # while it trains
            break
    events.close()
    imported = archive.import_run(tmp_path / "live.zip", tmp_path / "in")
    assert imported.status() == (
        "stopped",
        "This copy was made at step 7, while the run trained.",
        7,
    )
    assert resume(imported.directory, data).status()[:1] == ("finished",)


def test_what_a_person_zips_by_hand_is_imported(trained, tmp_path):
    """Their system adds files of its own, and the lock is in the folder."""
    shutil.copytree(trained.directory, tmp_path / "run")
    (tmp_path / "run" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "run" / "lock").write_bytes(b"")
    shutil.make_archive(str(tmp_path / "by_hand"), "zip", tmp_path, "run")
    with zipfile.ZipFile(tmp_path / "by_hand.zip", "a") as file:
        file.writestr("__MACOSX/run/._run.json", b"x")
    run = archive.import_run(tmp_path / "by_hand.zip", tmp_path / "in")
    assert facts(run).judged == facts(trained).judged
    assert not (run.directory / ".DS_Store").exists()


# Refusals


def test_no_zip_and_no_run(tmp_path, members):
    for number, data in enumerate([b"", b"PK", b"x" * 100_000, b"PK\x05\x06" + b"\0" * 18]):
        file = tmp_path / f"{number}.zip"
        file.write_bytes(data)
        assert "no zip file" in refused(file, tmp_path) or "no run" in refused(file, tmp_path)
    assert "There is no file" in refused(tmp_path / "missing.zip", tmp_path)
    assert "holds no run" in refused(zipped(tmp_path / "a.zip", {"a.txt": b""}), tmp_path)
    two = {f"{top}/{name}": data for top in "ab" for name, data in members.items()}
    assert "several runs" in refused(zipped(tmp_path / "b.zip", two), tmp_path)
    for name in ("status.json", "tokenizer.json", "metrics.jsonl"):
        less = {place: data for place, data in members.items() if place != name}
        assert f"{name} is missing" in refused(zipped(tmp_path / "c.zip", less), tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/tmp/evil",
        "snapshots/../../evil",
        "..\\evil",
        "C:evil",
        "run\\..\\..\\evil",
        "snapshots/00000001.safetensors/../../../evil",
    ],
)
def test_a_path_outside(name, members, tmp_path):
    file = zipped(tmp_path / "x.zip", members | {name: b"evil"})
    assert "path outside" in refused(file, tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "evil.py",
        "snapshots/weights.pt",
        "snapshots/00000001.safetensors.pkl",
        "snapshots/evil/00000001.safetensors",
        "sub/evil.json",
        "snapshots/1.safetensors",
        "‮evil",
    ],
)
def test_a_foreign_file(name, members, tmp_path):
    file = zipped(tmp_path / "x.zip", members | {name: b"evil"})
    sentence = refused(file, tmp_path)
    assert "no file of a run" in sentence
    assert sentence.isascii() or "\u202e" not in sentence


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_a_link_or_a_device(kind, members, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            if name == "README.md" or name == "tokenizer.json":
                info.external_attr, data = (kind | 0o777) << 16, b"/etc/passwd"
            file.writestr(info, data)
    assert "holds a link" in refused(tmp_path / "x.zip", tmp_path)


def test_a_name_twice(members, tmp_path):
    file = zipped(tmp_path / "x.zip", members)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(file, "a") as again:
        again.writestr("run.json", b"{}")
    assert "several runs" in refused(file, tmp_path)
    zipped(tmp_path / "y.zip", members)
    with pytest.warns(UserWarning), zipfile.ZipFile(tmp_path / "y.zip", "a") as again:
        again.writestr("tokenizer.json", b"{}")
    assert "twice" in refused(tmp_path / "y.zip", tmp_path)


def test_a_bomb_is_refused_before_it_is_unpacked(members, tmp_path, monkeypatch):
    monkeypatch.setattr(archive.zip_checks, "unpack", lambda *_: pytest.fail("unpacked"))
    bomb = members | {"README.md": b"\0" * 50_000_000}
    file = zipped(tmp_path / "x.zip", bomb, compression=zipfile.ZIP_DEFLATED)
    assert "times its size" in refused(file, tmp_path)
    monkeypatch.setattr(zip_checks, "MOST_BYTES", 1_000_000)
    assert "unpacks to 50 MB" in refused(file, tmp_path)


def test_too_many_files(members, tmp_path):
    many = {f"snapshots/{n:08}.safetensors": b"" for n in range(1200)}
    file = zipped(tmp_path / "x.zip", many | members)
    assert "at most 1,000" in refused(file, tmp_path)
    file = zipped(tmp_path / "y.zip", {f"{n}" * 100: b"" for n in range(5000)})
    assert "more files than a run has" in refused(file, tmp_path)


def test_a_list_of_members_that_is_larger_than_it_says(members, tmp_path):
    """`zipfile` would read all of it; a zip64 record tells another length than the one that is checked."""
    data = bytearray(zipped(tmp_path / "x.zip", members).read_bytes())
    place = data.rfind(b"PK\x05\x06")
    locator = b"PK\x06\x07" + struct.pack("<LQL", 0, 0, 1)
    file = tmp_path / "y.zip"
    file.write_bytes(data[:place] + locator + data[place:])
    assert "more files than a run has" in refused(file, tmp_path)


def test_other_ways_of_packing(members, tmp_path):
    file = zipped(tmp_path / "x.zip", members, compression=zipfile.ZIP_LZMA)
    assert "usual kind" in refused(file, tmp_path)
    data = bytearray(zipped(tmp_path / "y.zip", {"run.json": b"{}"}).read_bytes())
    data[data.find(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "y.zip").write_bytes(data)
    assert "encrypted" in refused(tmp_path / "y.zip", tmp_path)


def test_another_format(members, tmp_path):
    record = json.loads(members["run.json"]) | {"format": 99}
    del record["checksum"]
    file = zipped(tmp_path / "x.zip", members | {"run.json": json.dumps(record)})
    assert "run.json is of format 99" in refused(file, tmp_path)


def changed(members, name, **values):
    record = json.loads(members[name]) | values
    del record["checksum"]
    return members | {name: json.dumps(record)}


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"model": "no_such_rung"}, "no_such_rung"),
        ({"parameters": 5}, "number of parameters"),
        ({"vocab_size": 10**12}, "tokenizer"),
        ({"note": "x" * 5000}, "note"),
        ({"created": "\u202e"}, "plain text"),
        ({"recipe": "x" * 500}, "too long"),
        ({"baselines": {"uniform": float("nan")}}, "not finite"),
    ],
)
def test_a_record_that_cannot_be(values, named, members, tmp_path):
    file = zipped(tmp_path / "x.zip", changed(members, "run.json", **values))
    assert named in refused(file, tmp_path)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1" + "0" * 400, "-1e999"])
def test_a_loss_that_cannot_be(number, members, tmp_path):
    line = f'{{"type":"evaluation","step":1,"loss":{number},"bits_per_char":1,"seconds":1}}\n'
    file = zipped(tmp_path / "x.zip", members | {"metrics.jsonl": line})
    assert "metrics.jsonl" in refused(file, tmp_path)


def test_one_flipped_bit_anywhere(members, tmp_path):
    """The zip's own checksums are right: a stranger's zip is made after the damage."""
    for name, data in members.items():
        damaged = bytearray(data)
        damaged[len(data) // 2] ^= 4
        file = zipped(tmp_path / "x.zip", members | {name: bytes(damaged)})
        assert "is not imported" in refused(file, tmp_path), name


def test_a_damaged_or_torn_zip(packed, tmp_path):
    data = packed.read_bytes()
    for damaged in (data[: len(data) // 2], data[:-10], data[100:]):
        (tmp_path / "x.zip").write_bytes(damaged)
        said = refused(tmp_path / "x.zip", tmp_path)
        assert ("without its end" in said) == data.startswith(damaged)
    with zipfile.ZipFile(packed) as file:
        place = file.infolist()[0].header_offset + 200
    flipped = bytearray(data)
    flipped[place] ^= 1
    (tmp_path / "x.zip").write_bytes(flipped)
    said = refused(tmp_path / "x.zip", tmp_path)
    assert "is damaged" in said and "cannot be unpacked" in said and "CRC" not in said
    (tmp_path / "x.zip").write_bytes(b"")
    assert "is empty" in refused(tmp_path / "x.zip", tmp_path)


def test_a_label_that_misleads(members, tmp_path):
    file = zipped(tmp_path / "x.zip", members | {"label.json": json.dumps({"name": "a\u202eb"})})
    assert "label.json" in refused(file, tmp_path)


def test_nothing_is_left_of_an_export_that_fails(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "_write", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    (tmp_path / "run.zip").write_bytes(b"before")
    with pytest.raises(RunProblem, match="disk is full"):
        archive.export_run(trained, tmp_path / "run.zip")
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"before"]


def test_an_archive_is_a_zip_that_others_read(packed):
    with zipfile.ZipFile(io.BytesIO(packed.read_bytes())) as file:
        assert file.testzip() is None
        assert all(name.startswith("run/") for name in file.namelist())
