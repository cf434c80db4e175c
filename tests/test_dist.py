"""make dist sees what is missing from a package, what is too much in it, and versions that disagree."""

from __future__ import annotations

import re
import tarfile

import pytest
from tools import dist, dist_contents, dist_install
from tools.pages import REPOSITORY

TRACKED = dist.tracked_files()
VERSION = dist_contents.versions(REPOSITORY)["python/plmhead/__init__.py"]


@pytest.fixture
def source(tmp_path):
    dist.copy_tracked(TRACKED, tmp_path / "source")
    return tmp_path / "source"


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def edit(path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


def test_a_wheel_without_the_error_registry_is_refused(source, out):
    pytest.importorskip("build")
    edit(source / "pyproject.toml", '"spec/v1/errors.json" = "plmhead/spec/errors.json"\n', "")
    wheel, _ = dist.build_python(source, out)
    with pytest.raises(ValueError, match=r"whl: plmhead/spec/errors\.json is missing$"):
        dist.look_into(wheel, dist_contents.wheel(TRACKED, VERSION), source)


def test_an_sdist_with_a_file_too_much_is_refused(source, out):
    pytest.importorskip("build")
    (source / "python/plmhead/notes.txt").write_text(f"made in {REPOSITORY}/here")
    _, sdist = dist.build_python(source, out)
    with pytest.raises(ValueError, match=r"notes\.txt does not belong there.*notes\.txt names a path of this machine"):
        dist.look_into(sdist, dist_contents.sdist(TRACKED, VERSION), source)


def test_a_crate_without_its_header_is_refused(source, out, tmp_path):
    edit(source / "rust-loader/Cargo.toml", "exclude = [", 'exclude = ["/include/plmhead.h", ')
    crate = dist.build_crate(source, out, "--no-verify", "--offline", target=tmp_path / "target")
    with pytest.raises(ValueError, match=r"crate: plmhead-[\d.]+/include/plmhead\.h is missing$"):
        dist.look_into(crate, dist_contents.crate(TRACKED, VERSION), source)


def test_a_tarball_without_types_is_refused(source, out):
    edit(source / "js-loader/package.json", '"src",\n    "types"', '"src"')
    with pytest.raises(ValueError, match=r"types/index\.d\.ts is missing"):
        dist.look_into(dist.build_npm(source, out), dist_contents.npm(TRACKED, VERSION), source)


def test_links_are_no_contents(tmp_path):
    (tmp_path / "link").symlink_to("/etc")
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        archive.add(tmp_path / "link", "package/link")
    with pytest.raises(ValueError, match="no plain file"):
        dist_contents.members(tmp_path / "a.tgz")


def test_versions_that_disagree_are_told(source):
    assert dist_contents.version_faults(source) == []
    edit(source / "js-loader/package.json", f'"version": "{VERSION}"', '"version": "9.9.9"')
    assert dist_contents.version_faults(source) == [f"js-loader/package.json says 9.9.9, not {VERSION}"]


@pytest.mark.parametrize("after", ["packages 0.0.9", f"packages {VERSION}.1", "no version"])
def test_an_entry_of_another_version_does_not_count(source, after):
    edit(source / "CHANGELOG.md", f"packages {VERSION}", after)
    assert dist_contents.version_faults(source) == [f"CHANGELOG.md has no entry for packages {VERSION}"]


def test_a_heading_without_words_does_not_count(source):
    (source / "CHANGELOG.md").write_text(f"## packages {VERSION}\n\n## Earlier: packages 0.0.9\n- Something.\n")
    assert len(dist_contents.version_faults(source)) == 1


def test_a_missing_package_is_a_failure_and_the_others_go_on(source, out, capsys, monkeypatch):
    for name in ("build_crate", "build_npm"):
        monkeypatch.setattr(dist, name, lambda *_: (_ for _ in ()).throw(OSError("no such tool")))
    pytest.importorskip("build")
    tally = dist.Tally()
    assert list(dist.build_all(source, out, TRACKED, tally)) == ["python"]
    assert tally.failed == 2
    assert len(re.findall("FAILED .*no such tool", capsys.readouterr().out)) == 2


def test_no_expectation_holds_a_test_or_a_cache():
    for expected in (dist_contents.wheel, dist_contents.sdist, dist_contents.crate, dist_contents.npm):
        names = expected(TRACKED, VERSION)
        assert len(names) > 20
        assert not [name for name in names if re.search(r"(^|/)(tests?|__pycache__|node_modules|target)/|\.pyc$", name)]


@pytest.mark.parametrize("language", ["python", "rust", "js"])
def test_readme_has_lines_for_every_package(language):
    languages = [block.language for block in dist_install.readme(language)]
    assert {language, "sh"} == set(languages)


def test_a_package_that_is_not_there_cannot_be_tried(tmp_path):
    with pytest.raises(ValueError, match="shows no block"):
        dist_install.run_all(dist_install.readme("cobol"), dist_install.Reader(tmp_path))
