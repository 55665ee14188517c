"""docs/how-to/connect-a-network.md: its files load as they stand on the page."""

import re
from pathlib import Path

from twinrail.schemas.iso8583.profiles import DeadlinePolicy, SignOn
from twinrail.schemas.reasons import Reason
from twinrail.settings import Settings, load_settings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "how-to" / "connect-a-network.md"


def blocks() -> list[str]:
    return re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def written(folder: Path) -> list[Settings]:
    """Write the files that the page names into a folder, and load every settings file of it."""
    found = []
    for block in blocks():
        name = re.match(r"# (\S+\.toml)\n", block)
        if name is None:
            continue
        path = folder / name[1]
        path.write_text(re.sub(r'(profiles = \[")', rf"\g<1>{folder}/", block), encoding="utf-8")
        if path.name == "twinrail.toml":
            found.append(load_settings(path, {}))
    return found


def test_the_files_of_the_page_are_good(tmp_path: Path) -> None:
    dialled, secured = written(tmp_path)
    profile = dialled.links[0].link_profile(dialled.catalogue().profiles)
    assert (profile.name, profile.dialect, profile.frame.name) == ("northbank", "iso1987-bcd", "ascii4")
    assert (profile.deadline_policy, profile.sign_on) == (DeadlinePolicy.SILENT, SignOn.OURS)
    assert profile.codes[Reason.INSUFFICIENT_FUNDS] == "61"
    assert 18 in profile.mandatory["0100"]
    assert 63 in profile.echo["0110"]
    mac = secured.links[0].link_profile(secured.catalogue().profiles).mac
    assert mac is not None
    assert mac.exempt == {"0800", "0810"}


def test_the_links_of_the_page_are_good(tmp_path: Path) -> None:
    links = [block for block in blocks() if block.startswith("[[links]]")]
    tls = [block for block in blocks() if block.startswith("[links.tls]")]
    assert len(links) == len(tls) == 2
    for link, secured in zip(links, tls, strict=True):
        path = tmp_path / "twinrail.toml"
        path.write_text(link + secured, encoding="utf-8")
        assert load_settings(path, {}).links[0].tls is not None
